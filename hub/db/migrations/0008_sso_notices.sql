-- Single sign-on, and who is told of what. Client secrets, transactions, ID tokens and where notices go are sealed; what a browser bears is hashed.
CREATE TABLE sso_providers (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,32}$'),
  name text NOT NULL,
  preset text NOT NULL CHECK (preset IN ('authentik', 'authelia', 'keycloak', 'pocket-id', 'other')),
  -- One provider each: a link is (issuer, subject), and must mean one person.
  issuer text NOT NULL UNIQUE,
  client_id text NOT NULL,
  sealed_secret bytea,
  scopes text[] NOT NULL,
  groups_claim text NOT NULL,
  admin_groups text[] NOT NULL DEFAULT '{}',
  owner_groups text[] NOT NULL DEFAULT '{}',
  member_groups text[] NOT NULL DEFAULT '{}',
  mfa_acr text[] NOT NULL DEFAULT '{}',
  mfa_amr text[] NOT NULL DEFAULT '{}',
  links_by_email boolean NOT NULL DEFAULT false,
  creates_accounts boolean NOT NULL DEFAULT false,
  allow_private boolean NOT NULL DEFAULT false,
  allow text[] NOT NULL DEFAULT '{}',
  is_enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  answered_at timestamptz
);
--> statement-breakpoint
CREATE TABLE sso_links (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  provider_id text NOT NULL REFERENCES sso_providers (id) ON DELETE CASCADE,
  issuer text NOT NULL,
  subject text NOT NULL,
  name text,
  given_role text CHECK (given_role IN ('admin', 'owner', 'member')),
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz,
  CONSTRAINT sso_links_one_account UNIQUE (issuer, subject),
  CONSTRAINT sso_links_one_person UNIQUE (account_id, provider_id)
);
--> statement-breakpoint
CREATE TABLE sso_transactions (
  secret_hash bytea PRIMARY KEY,
  state_hash bytea NOT NULL,
  sealed bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX sso_transactions_expires_at ON sso_transactions (expires_at);
--> statement-breakpoint
CREATE TABLE sso_logins (
  login_id uuid PRIMARY KEY REFERENCES logins (id) ON DELETE CASCADE,
  account_id uuid NOT NULL,
  provider_id text NOT NULL REFERENCES sso_providers (id) ON DELETE CASCADE,
  issuer text NOT NULL,
  subject text NOT NULL,
  sid text,
  sealed_id_token bytea NOT NULL,
  created_at timestamptz NOT NULL
);
--> statement-breakpoint
CREATE INDEX sso_logins_subject ON sso_logins (issuer, subject);
--> statement-breakpoint
CREATE INDEX sso_logins_sid ON sso_logins (issuer, sid);
--> statement-breakpoint
-- Tokens of back-channel logout that were used, until they would be refused as too old.
CREATE TABLE sso_logout_tokens (
  jti_hash bytea PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
--> statement-breakpoint
-- Local sign-in is open until then though HUB_LOCAL_LOGIN is off. One row.
CREATE TABLE local_login (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  open_until timestamptz NOT NULL
);
--> statement-breakpoint
CREATE TABLE notice_targets (
  id uuid PRIMARY KEY,
  -- NULL: of the hub, for its admins.
  account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('mail', 'webhook', 'ntfy', 'gotify')),
  label text NOT NULL,
  kinds text[] NOT NULL DEFAULT '{}',
  allow text[] NOT NULL DEFAULT '{}',
  is_enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  last_sent_at timestamptz,
  failed_at timestamptz,
  failure text,
  sealed bytea NOT NULL,
  CHECK ((failed_at IS NULL) = (failure IS NULL))
);
--> statement-breakpoint
CREATE INDEX notice_targets_account_id ON notice_targets (account_id);
--> statement-breakpoint
CREATE TABLE server_alerts (
  server_id uuid PRIMARY KEY REFERENCES servers (id) ON DELETE CASCADE,
  -- NULL: its owner does not want to know.
  offline_minutes integer CHECK (offline_minutes BETWEEN 1 AND 10080),
  offline_since timestamptz,
  told_at timestamptz,
  CHECK (told_at IS NULL OR offline_since IS NOT NULL)
);
--> statement-breakpoint
-- When somebody was last told of what would otherwise be told again and again.
CREATE TABLE told_notices (
  key text PRIMARY KEY,
  told_at timestamptz NOT NULL
);
