-- Bearers' tokens, and the devices that wait for one. Only hashes are kept: a copy of the database opens nothing.
CREATE TABLE access_tokens (
  id text PRIMARY KEY CHECK (id ~ '^[0-9A-Za-z]{8}$'),
  kind text NOT NULL CHECK (kind IN ('personal', 'device')),
  account_id uuid NOT NULL,
  -- SHA-256 of 256 random bits.
  secret_hash bytea NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
  scopes text[] NOT NULL,
  -- None: from everywhere.
  networks text[] NOT NULL DEFAULT '{}',
  app text,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Unused for so long it is dead as well.
  idle_ms bigint,
  last_used_at timestamptz,
  last_used_from text
);
--> statement-breakpoint
CREATE INDEX access_tokens_account_id ON access_tokens (account_id);
--> statement-breakpoint
CREATE INDEX access_tokens_expires_at ON access_tokens (expires_at);
--> statement-breakpoint
CREATE TABLE device_requests (
  id uuid PRIMARY KEY,
  device_code_hash bytea NOT NULL UNIQUE,
  -- A fresh draw never takes the place of a code that is still on somebody's screen.
  user_code_hash bytea NOT NULL UNIQUE,
  app text NOT NULL,
  device_name text NOT NULL,
  scopes text[] NOT NULL,
  address text,
  -- Who asks: an IPv4 address or an IPv6 /64; and its neighbourhood, /24 or /48.
  bucket text NOT NULL,
  network text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'approved', 'denied', 'fetched')),
  account_id uuid,
  interval_ms integer NOT NULL,
  created_at timestamptz NOT NULL,
  polled_at timestamptz,
  expires_at timestamptz NOT NULL,
  CHECK ((state = 'open') = (account_id IS NULL))
);
--> statement-breakpoint
CREATE INDEX device_requests_expires_at ON device_requests (expires_at);
