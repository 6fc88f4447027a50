-- People. Of every secret that somebody bears only its SHA-256 is kept, of passwords their Argon2id: a copy of the database opens nothing.
CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  -- The first admin is 'operator', whose everything was before accounts existed; everybody else is an owner of their own.
  owner_id text NOT NULL UNIQUE REFERENCES owners (id),
  username text NOT NULL,
  key text NOT NULL UNIQUE CHECK (char_length(key) BETWEEN 2 AND 128),
  email text,
  email_key text,
  email_verified_at timestamptz,
  role text NOT NULL CHECK (role IN ('admin', 'owner', 'member')),
  state text NOT NULL CHECK (state IN ('active', 'suspended')),
  -- A PHC string. NULL: signs in by passkey or single sign-on only.
  password_hash text,
  password_breached boolean NOT NULL DEFAULT false,
  -- CIDRs; none: from anywhere.
  networks text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  last_login_at timestamptz,
  CHECK ((email IS NULL) = (email_key IS NULL))
);
--> statement-breakpoint
-- An address that nobody has proven stands in nobody's way.
CREATE UNIQUE INDEX accounts_one_per_proven_email ON accounts (email_key) WHERE email_verified_at IS NOT NULL;
--> statement-breakpoint
CREATE TABLE server_members (
  server_id uuid NOT NULL REFERENCES servers (id),
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  since timestamptz NOT NULL,
  PRIMARY KEY (server_id, account_id)
);
--> statement-breakpoint
CREATE INDEX server_members_account_id ON server_members (account_id);
--> statement-breakpoint
CREATE TABLE setup_tokens (
  secret_hash bytea PRIMARY KEY,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE TABLE invitations (
  id uuid PRIMARY KEY,
  secret_hash bytea NOT NULL UNIQUE,
  role text NOT NULL CHECK (role IN ('admin', 'owner', 'member')),
  server_id uuid REFERENCES servers (id),
  email text,
  invited_by uuid REFERENCES accounts (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX invitations_invited_by ON invitations (invited_by);
--> statement-breakpoint
CREATE TABLE logins (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  secret_hash bytea NOT NULL UNIQUE,
  methods text[] NOT NULL,
  restriction text CHECK (restriction IN ('enrol')),
  created_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  address text,
  software text NOT NULL,
  lifted_until timestamptz
);
--> statement-breakpoint
CREATE INDEX logins_account_id ON logins (account_id, created_at);
--> statement-breakpoint
-- From the first proof to the last.
CREATE TABLE sign_ins (
  id uuid PRIMARY KEY,
  secret_hash bytea NOT NULL UNIQUE,
  account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
  methods text[] NOT NULL,
  failures integer NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX sign_ins_expires_at ON sign_ins (expires_at);
--> statement-breakpoint
CREATE INDEX sign_ins_account_id ON sign_ins (account_id);
--> statement-breakpoint
-- What was counted of an address, an account, a browser. Keys of accounts that are none are hashes of names.
CREATE TABLE login_failures (
  key text PRIMARY KEY,
  failures integer NOT NULL,
  since timestamptz NOT NULL,
  day_failures integer NOT NULL,
  day_since timestamptz NOT NULL,
  until timestamptz,
  forgotten_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX login_failures_forgotten_at ON login_failures (forgotten_at);
--> statement-breakpoint
-- One browser may be known to several accounts of a household, by the same cookie.
CREATE TABLE known_browsers (
  id uuid PRIMARY KEY,
  secret_hash bytea NOT NULL,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  used_at timestamptz NOT NULL,
  UNIQUE (secret_hash, account_id)
);
--> statement-breakpoint
CREATE INDEX known_browsers_account_id ON known_browsers (account_id, used_at);
--> statement-breakpoint
-- Where an account has signed in from: a /24 or /48, and the program.
CREATE TABLE login_places (
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  network text NOT NULL,
  software text NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, network, software)
);
--> statement-breakpoint
CREATE TABLE step_ups (
  id uuid PRIMARY KEY,
  login_id uuid NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
  level text NOT NULL CHECK (level IN ('config', 'destructive')),
  action text NOT NULL,
  target text NOT NULL,
  expires_at timestamptz NOT NULL,
  is_proven boolean NOT NULL DEFAULT false,
  -- Of a proof that the next call brings along, once.
  proof_hash bytea UNIQUE
);
--> statement-breakpoint
CREATE INDEX step_ups_login_id ON step_ups (login_id);
