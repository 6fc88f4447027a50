// The tables of the audit log and of bans leave here, as drizzle sees them; 0009_audit.sql makes them.

import { instant } from './columns.ts';
import { bigint, pgTable, text, uuid } from './drizzle.ts';

export const auditEntries = pgTable('audit_entries', {
  chain: uuid('chain').notNull(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  at: instant('at').notNull(),
  event: text('event').notNull(),
  actorId: text('actor_id'),
  actorName: text('actor_name'),
  address: text('address'),
  target: text('target'),
  server: text('server'),
  result: text('result'),
  method: text('method'),
  reason: text('reason'),
  requestId: text('request_id'),
  hash: text('hash').notNull(),
});

export const bans = pgTable('bans', {
  id: uuid('id').primaryKey(),
  network: text('network').notNull(),
  origin: text('origin', { enum: ['guard', 'operator'] }).notNull(),
  reason: text('reason').notNull(),
  bannedBy: text('banned_by').notNull(),
  createdAt: instant('created_at').notNull(),
  until: instant('until'),
});
