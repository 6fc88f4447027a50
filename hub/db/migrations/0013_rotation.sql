-- A key that took the place of another: of which one, and by the word of which process of the agent, whose links may move.
ALTER TABLE agents ADD COLUMN replaces text;
--> statement-breakpoint
ALTER TABLE agents ADD COLUMN replaces_epoch bigint;
--> statement-breakpoint
-- Each key has one successor: of two that claim to be it, the first is.
CREATE UNIQUE INDEX agents_replaces ON agents (replaces) WHERE replaces IS NOT NULL;
