-- Where an account's last successful sign-in came from, where the operator has a map of addresses: one row, and no history.
CREATE TABLE whereabouts (
  account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  latitude double precision NOT NULL,
  longitude double precision NOT NULL,
  accuracy_km double precision NOT NULL,
  at timestamptz NOT NULL
);
