-- One row for each run of a hub. The run holds the advisory lock (presence-store.ts, id) on a connection of its own, so that
-- its end shows at once, also that of kill -9; beat_at shows one whose process is frozen or whose host is gone.
CREATE SEQUENCE hub_run_id AS integer CYCLE;
--> statement-breakpoint
CREATE TABLE hub_runs (
  id integer PRIMARY KEY,
  started_at timestamptz NOT NULL,
  beat_at timestamptz NOT NULL
);
--> statement-breakpoint
-- The servers that a run has links of. It may say so of a server that a restored backup does not know: no reference there.
CREATE TABLE presences (
  run_id integer NOT NULL REFERENCES hub_runs (id) ON DELETE CASCADE,
  server_id uuid NOT NULL,
  since timestamptz NOT NULL,
  PRIMARY KEY (run_id, server_id)
);
