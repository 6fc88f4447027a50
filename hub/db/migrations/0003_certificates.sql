-- A certificate from the first wish for it until it is revoked. Ids are UUIDv7 made by the hub.
CREATE TABLE certificates (
  id uuid PRIMARY KEY,
  -- SHA-256 of authority, kind of key and names: the names alone may be more than an index takes.
  wish_key text NOT NULL,
  names text[] NOT NULL CHECK (cardinality(names) > 0),
  key_kind text NOT NULL CHECK (key_kind IN ('ecdsa', 'rsa')),
  authority text NOT NULL,
  challenge text NOT NULL CHECK (challenge IN ('dns-01', 'http-01', 'tls-alpn-01')),
  profile text,
  -- Of the hub's own names neither. The owner is kept, because a server may change hands: its certificate must not.
  server_id uuid REFERENCES servers (id),
  owner_id text REFERENCES owners (id),
  created_at timestamptz NOT NULL,
  released_at timestamptz,
  -- It may be revoked by now, also if whoever began it died: it does not come back.
  is_retiring boolean NOT NULL DEFAULT false,
  chain text,
  sealed_key bytea,
  issued_by text,
  ari_id text,
  not_before timestamptz,
  not_after timestamptz,
  window_start timestamptz,
  window_end timestamptz,
  selected_at timestamptz,
  ask_again_at timestamptz,
  -- Somebody wants it renewed now, whatever is drawn meanwhile.
  hastened_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  next_try_at timestamptz,
  error_code text,
  error_message text,
  error_at timestamptz,
  -- Grows with each taking of the lease: what a former holder writes is refused by it.
  fence bigint NOT NULL DEFAULT 0,
  -- NULL once it was given back.
  lease_until timestamptz,
  CHECK (released_at IS NOT NULL OR NOT is_retiring),
  CHECK ((server_id IS NULL) = (owner_id IS NULL)),
  CHECK (num_nonnulls(chain, sealed_key, issued_by, ari_id, not_before, not_after) IN (0, 6)),
  CHECK (num_nonnulls(window_start, window_end) IN (0, 2)),
  CHECK (num_nonnulls(error_code, error_message, error_at) IN (0, 3))
);
--> statement-breakpoint
CREATE UNIQUE INDEX certificates_one_per_wish ON certificates (wish_key) WHERE released_at IS NULL;
--> statement-breakpoint
CREATE TABLE authority_accounts (
  authority text PRIMARY KEY,
  sealed_key bytea NOT NULL,
  url text
);
--> statement-breakpoint
-- What was asked of an authority, so that the hub stops before its limits do. No reference: it counts beyond the certificate's end.
CREATE TABLE authority_orders (
  id uuid PRIMARY KEY,
  certificate_id uuid NOT NULL,
  authority text NOT NULL,
  names text[] NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('new', 'renewal', 'replacement')),
  outcome text NOT NULL CHECK (outcome IN ('open', 'issued', 'failed'))
);
--> statement-breakpoint
CREATE INDEX authority_orders_authority_at ON authority_orders (authority, at);
--> statement-breakpoint
CREATE INDEX authority_orders_open ON authority_orders (certificate_id) WHERE outcome = 'open';
--> statement-breakpoint
-- Any process of the hub may be the one that the authority asks.
CREATE TABLE challenges (
  kind text NOT NULL CHECK (kind IN ('dns-01', 'http-01', 'tls-alpn-01')),
  name text NOT NULL,
  token text NOT NULL,
  key_authorization text NOT NULL,
  put_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (kind, name, token)
);
--> statement-breakpoint
CREATE INDEX challenges_token ON challenges (token);
--> statement-breakpoint
-- What the built-in responder answers with.
CREATE TABLE txt_records (
  name text NOT NULL,
  value text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (name, value)
);
--> statement-breakpoint
-- Written, read and deleted before an order: what could not be stored should not be asked for.
CREATE TABLE probes (
  id uuid PRIMARY KEY,
  bytes bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
-- Since when the label belongs to somebody else than before: for 90 days visitors' browsers are told to forget the former one.
ALTER TABLE labels ADD COLUMN new_owner_since timestamptz;
