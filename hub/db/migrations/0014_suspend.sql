-- What the operator keeps from its visitors, with everything kept: name, key, domains and settings. Both columns or neither.
ALTER TABLE servers ADD COLUMN suspended_at timestamptz;
--> statement-breakpoint
ALTER TABLE servers ADD COLUMN suspension_reason text;
--> statement-breakpoint
ALTER TABLE servers ADD CONSTRAINT servers_suspension_check CHECK ((suspended_at IS NULL) = (suspension_reason IS NULL));
