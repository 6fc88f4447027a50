-- Domains of owners. Several servers may claim one hostname while none has proven it; whoever proves it holds it alone.
CREATE TABLE domains (
  id uuid PRIMARY KEY,
  hostname text NOT NULL CHECK (hostname ~ '^[a-z0-9.-]{3,246}$'),
  server_id uuid NOT NULL REFERENCES servers (id),
  owner_id text NOT NULL REFERENCES owners (id),
  token text NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('waiting', 'active', 'unreachable', 'withdrawn', 'dropped')),
  state_since timestamptz NOT NULL,
  troubled_since timestamptz,
  drop_reason text CHECK (drop_reason IN ('grace', 'unproven', 'moved', 'revoked')),
  -- What the last look found: all NULL before the first.
  proof text CHECK (proof IN ('present', 'absent', 'other', 'held', 'unanswered')),
  way text CHECK (way IN ('here', 'elsewhere', 'nowhere', 'unanswered')),
  strangers text[] NOT NULL DEFAULT '{}',
  checked_at timestamptz,
  next_check_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  CHECK ((state = 'dropped') = (drop_reason IS NOT NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX domains_one_holder ON domains (hostname) WHERE state IN ('active', 'unreachable', 'withdrawn');
--> statement-breakpoint
CREATE UNIQUE INDEX domains_one_claim_per_server ON domains (hostname, server_id) WHERE state <> 'dropped';
--> statement-breakpoint
CREATE INDEX domains_next_check_at ON domains (next_check_at) WHERE state <> 'dropped';
--> statement-breakpoint
CREATE INDEX domains_owner_id ON domains (owner_id) WHERE state <> 'dropped';
--> statement-breakpoint
CREATE INDEX domains_server_id ON domains (server_id);
