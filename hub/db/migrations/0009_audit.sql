-- The audit log, as it is searched. Its files are the log itself: this table can be made again from them.
CREATE TABLE audit_entries (
  -- Of the folder that the files stand in: one that was lost begins to count anew.
  chain uuid NOT NULL,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  event text NOT NULL,
  actor_id text,
  actor_name text,
  address text,
  target text,
  server text,
  result text,
  method text,
  reason text,
  request_id text,
  hash text NOT NULL,
  PRIMARY KEY (chain, seq)
);
--> statement-breakpoint
CREATE INDEX audit_entries_at ON audit_entries (at, seq, chain);
--> statement-breakpoint
CREATE INDEX audit_entries_event ON audit_entries (event text_pattern_ops, at);
--> statement-breakpoint
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, at) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_server ON audit_entries (server, at) WHERE server IS NOT NULL;
CREATE INDEX audit_entries_address ON audit_entries (address, at) WHERE address IS NOT NULL;
--> statement-breakpoint
-- Who may not come in. A network is banned once: the later word counts.
CREATE TABLE bans (
  id uuid PRIMARY KEY,
  network text NOT NULL UNIQUE,
  origin text NOT NULL CHECK (origin IN ('guard', 'operator')),
  reason text NOT NULL,
  banned_by text NOT NULL,
  created_at timestamptz NOT NULL,
  -- NULL: for good.
  until timestamptz
);
