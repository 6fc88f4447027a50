-- Where an account's last successful sign-in came from, where the operator has a map of addresses: one row, and no history.
CREATE TABLE whereabouts (
  account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  latitude double precision NOT NULL,
  longitude double precision NOT NULL,
  accuracy_km double precision NOT NULL,
  at timestamptz NOT NULL
);
--> statement-breakpoint
-- Invitations are sent, too.
ALTER TABLE email_sends DROP CONSTRAINT email_sends_purpose_check;
--> statement-breakpoint
ALTER TABLE email_sends ADD CONSTRAINT email_sends_purpose_check CHECK (purpose IN ('code', 'verify', 'reset', 'invite'));
