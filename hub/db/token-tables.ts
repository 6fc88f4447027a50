// The tables of personal and device tokens leave here, as drizzle sees them; 0011_tokens.sql makes them.

import { bytea, instant } from './columns.ts';
import { bigint, integer, pgTable, text, uuid } from './drizzle.ts';

export const accessTokens = pgTable('access_tokens', {
  id: text('id').primaryKey(),
  kind: text('kind', { enum: ['personal', 'device'] }).notNull(),
  accountId: uuid('account_id').notNull(),
  secretHash: bytea('secret_hash').notNull(),
  name: text('name').notNull(),
  scopes: text('scopes').array().notNull(),
  networks: text('networks').array().notNull().default([]),
  app: text('app'),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  idleMs: bigint('idle_ms', { mode: 'number' }),
  lastUsedAt: instant('last_used_at'),
  lastUsedFrom: text('last_used_from'),
});

export const deviceRequests = pgTable('device_requests', {
  id: uuid('id').primaryKey(),
  deviceCodeHash: bytea('device_code_hash').notNull(),
  userCodeHash: bytea('user_code_hash').notNull(),
  app: text('app').notNull(),
  deviceName: text('device_name').notNull(),
  scopes: text('scopes').array().notNull(),
  address: text('address'),
  bucket: text('bucket').notNull(),
  network: text('network').notNull(),
  state: text('state', { enum: ['open', 'approved', 'denied', 'fetched'] }).notNull(),
  accountId: uuid('account_id'),
  intervalMs: integer('interval_ms').notNull(),
  createdAt: instant('created_at').notNull(),
  polledAt: instant('polled_at'),
  expiresAt: instant('expires_at').notNull(),
});
