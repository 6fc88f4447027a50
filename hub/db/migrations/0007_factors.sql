-- What proves who somebody is, beside their password. Secrets are sealed or only their hash is kept: a copy of the database opens no account.
CREATE TABLE sealed_secrets (
  name text PRIMARY KEY,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE TABLE totp_secrets (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  sealed_secret bytea NOT NULL,
  -- The last 30 seconds whose code was taken (RFC 6238 §5.2). It only ever grows.
  last_step bigint,
  created_at timestamptz NOT NULL,
  confirmed_at timestamptz
);
--> statement-breakpoint
CREATE UNIQUE INDEX totp_secrets_one_active ON totp_secrets (account_id) WHERE confirmed_at IS NOT NULL;
--> statement-breakpoint
CREATE UNIQUE INDEX totp_secrets_one_pending ON totp_secrets (account_id) WHERE confirmed_at IS NULL;
--> statement-breakpoint
CREATE TABLE passkeys (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  credential_id bytea NOT NULL UNIQUE,
  public_key bytea NOT NULL,
  counter bigint NOT NULL CHECK (counter >= 0),
  transports text[] NOT NULL DEFAULT '{}',
  is_backup_eligible boolean NOT NULL,
  is_backed_up boolean NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz
);
--> statement-breakpoint
CREATE INDEX passkeys_account_id ON passkeys (account_id);
--> statement-breakpoint
CREATE TABLE passkey_challenges (
  challenge text PRIMARY KEY,
  purpose text NOT NULL CHECK (purpose IN ('register', 'prove')),
  -- Of the sign-in or the login that it was made for.
  binding text NOT NULL,
  account_id uuid,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX passkey_challenges_binding ON passkey_challenges (binding);
--> statement-breakpoint
CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);
--> statement-breakpoint
CREATE TABLE recovery_codes (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  -- HMAC-SHA-256 under a pepper that is among the sealed secrets.
  mac bytea NOT NULL,
  created_at timestamptz NOT NULL,
  used_at timestamptz,
  UNIQUE (account_id, mac)
);
--> statement-breakpoint
CREATE TABLE trusted_browsers (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  selector text NOT NULL UNIQUE,
  -- SHA-256 of 32 random bytes that change with each use.
  validator_hash bytea NOT NULL,
  software text NOT NULL,
  country text,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX trusted_browsers_account_id ON trusted_browsers (account_id);
--> statement-breakpoint
CREATE TABLE email_codes (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  -- Of the sign-in or the login that it was sent for.
  binding text NOT NULL,
  -- HMAC-SHA-256 under the same pepper: a million codes are tried in a second, where a plain hash of one can be had.
  mac bytea NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  sent_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  UNIQUE (account_id, binding)
);
--> statement-breakpoint
CREATE INDEX email_codes_expires_at ON email_codes (expires_at);
--> statement-breakpoint
CREATE TABLE email_links (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('verify', 'reset')),
  -- Where it was sent: it proves this address and no other.
  email text NOT NULL,
  secret_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX email_links_account_id ON email_links (account_id);
--> statement-breakpoint
CREATE INDEX email_links_expires_at ON email_links (expires_at);
--> statement-breakpoint
-- Letters that somebody asked for, for as long as limits count them.
CREATE TABLE email_sends (
  id uuid PRIMARY KEY,
  purpose text NOT NULL CHECK (purpose IN ('code', 'verify', 'reset')),
  account_id uuid,
  -- An address, or its /64.
  asked_from text,
  sent_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX email_sends_account_id ON email_sends (account_id, sent_at);
--> statement-breakpoint
CREATE INDEX email_sends_asked_from ON email_sends (asked_from, sent_at);
--> statement-breakpoint
CREATE INDEX email_sends_sent_at ON email_sends (sent_at);
--> statement-breakpoint
-- Accounts whose factors were taken away: no row, nothing special.
CREATE TABLE factor_standings (
  account_id uuid PRIMARY KEY,
  -- "I lost my phone": only a recovery code opens it.
  locked_at timestamptz,
  -- By an admin: the next login enrols a factor before anything else.
  reset_at timestamptz
);
