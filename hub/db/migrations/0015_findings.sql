-- What a server's agent found when it last looked at itself. The line is measured seldom, so it is a part of its own. A row may be of a server that a restored backup does not know: no reference.
CREATE TABLE server_findings (
  server_id uuid NOT NULL,
  part text NOT NULL CHECK (part IN ('home', 'line')),
  looked_at timestamptz NOT NULL,
  findings jsonb NOT NULL,
  PRIMARY KEY (server_id, part)
);
