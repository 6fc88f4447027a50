-- What servers moved, by hour and by day of UTC. A row may be of a server that a restored backup does not know: no reference.
CREATE TABLE traffic (
  grain text NOT NULL CHECK (grain IN ('hour', 'day')),
  server_id uuid NOT NULL,
  owner_id text NOT NULL,
  at timestamptz NOT NULL,
  bytes_up bigint NOT NULL,
  bytes_down bigint NOT NULL,
  -- By the class of their status: 1xx to 5xx, and those whose visitor left before there was an answer.
  requests bigint[] NOT NULL CHECK (cardinality(requests) = 6),
  PRIMARY KEY (grain, server_id, at, owner_id)
);
--> statement-breakpoint
CREATE INDEX traffic_owner_id ON traffic (grain, owner_id, at);
--> statement-breakpoint
-- Which batch of which process was added last: one whose answer was lost is not added twice.
CREATE TABLE traffic_writers (
  writer uuid PRIMARY KEY,
  sequence bigint NOT NULL,
  written_at timestamptz NOT NULL
);
--> statement-breakpoint
-- subject_id: of servers their id, of accounts the id of the owner. A limit that is NULL is none.
CREATE TABLE traffic_limits (
  scope text NOT NULL CHECK (scope IN ('server', 'account')),
  subject_id text NOT NULL,
  bytes_per_month bigint CHECK (bytes_per_month > 0),
  megabits_per_second double precision CHECK (megabits_per_second > 0),
  streams integer CHECK (streams > 0),
  PRIMARY KEY (scope, subject_id)
);
--> statement-breakpoint
-- Points of ten seconds, a row a minute: `tens` says which of the six they are, the other arrays go beside it.
CREATE TABLE link_samples (
  server_id uuid NOT NULL,
  minute timestamptz NOT NULL,
  writer uuid NOT NULL,
  tens smallint[] NOT NULL,
  rtt_ms real[] NOT NULL,
  queue_ms real[] NOT NULL,
  bits_up bigint[] NOT NULL,
  bits_down bigint[] NOT NULL,
  PRIMARY KEY (server_id, minute, writer)
);
--> statement-breakpoint
CREATE INDEX link_samples_minute ON link_samples (minute);
--> statement-breakpoint
-- Means of five minutes.
CREATE TABLE link_means (
  server_id uuid NOT NULL,
  at timestamptz NOT NULL,
  rtt_ms real,
  queue_ms real,
  bits_up bigint NOT NULL,
  bits_down bigint NOT NULL,
  PRIMARY KEY (server_id, at)
);
--> statement-breakpoint
CREATE INDEX link_means_at ON link_means (at);
--> statement-breakpoint
-- Renames are not among them: label_changes has them.
CREATE TABLE server_events (
  id uuid PRIMARY KEY,
  server_id uuid NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('connected', 'disconnected', 'agent-updated', 'certificate-renewed')),
  detail jsonb NOT NULL
);
--> statement-breakpoint
CREATE INDEX server_events_server_id ON server_events (server_id, id);
--> statement-breakpoint
CREATE INDEX label_changes_server_id ON label_changes (server_id, id);
--> statement-breakpoint
-- What an agent said of itself when it connected last.
CREATE TABLE server_agents (
  server_id uuid PRIMARY KEY,
  software text NOT NULL,
  connected_at timestamptz NOT NULL
);
