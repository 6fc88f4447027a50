-- Ids of servers are UUIDv7 made by the hub: PostgreSQL has uuidv7() only since 18.
CREATE TABLE owners (
  id text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
-- Until accounts exist there is this one owner; the first admin becomes it.
INSERT INTO owners (id) VALUES ('operator');
--> statement-breakpoint
CREATE TABLE servers (
  id uuid PRIMARY KEY,
  owner_id text NOT NULL REFERENCES owners (id),
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz,
  revoked_at timestamptz
);
--> statement-breakpoint
CREATE INDEX servers_owner_id ON servers (owner_id);
--> statement-breakpoint
-- A label stays here after its release: the quarantined row is what keeps strangers from taking it over.
CREATE TABLE labels (
  label text PRIMARY KEY CHECK (label ~ '^[a-z0-9]([a-z0-9-]{1,30}[a-z0-9])$'),
  owner_id text NOT NULL REFERENCES owners (id),
  server_id uuid REFERENCES servers (id),
  state text NOT NULL CHECK (state IN ('active', 'quarantined')),
  claimed_at timestamptz NOT NULL,
  released_at timestamptz,
  quarantined_until timestamptz,
  CHECK ((state = 'active') = (server_id IS NOT NULL)),
  CHECK ((state = 'quarantined') = (released_at IS NOT NULL AND quarantined_until IS NOT NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX labels_one_per_server ON labels (server_id) WHERE state = 'active';
--> statement-breakpoint
CREATE INDEX labels_owner_id ON labels (owner_id) WHERE state = 'active';
--> statement-breakpoint
CREATE TABLE agents (
  agent_id text PRIMARY KEY,
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
  server_id uuid NOT NULL REFERENCES servers (id),
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
--> statement-breakpoint
CREATE UNIQUE INDEX agents_one_per_server ON agents (server_id) WHERE revoked_at IS NULL;
--> statement-breakpoint
CREATE TABLE enrolment_tokens (
  id text PRIMARY KEY,
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  owner_id text NOT NULL REFERENCES owners (id),
  server_id uuid REFERENCES servers (id),
  label text,
  cidr text,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  used_by text REFERENCES agents (agent_id),
  CHECK ((used_at IS NULL) = (used_by IS NULL))
);
--> statement-breakpoint
CREATE TABLE label_changes (
  id uuid PRIMARY KEY,
  owner_id text NOT NULL REFERENCES owners (id),
  server_id uuid NOT NULL REFERENCES servers (id),
  from_label text,
  to_label text NOT NULL,
  changed_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX label_changes_owner_id_changed_at ON label_changes (owner_id, changed_at);
--> statement-breakpoint
-- Fences links: of two links of one server the one with the higher epoch is the newer.
CREATE SEQUENCE link_epoch AS bigint;
