// The tables as drizzle sees them leave here. The migrations make them; schema.test.ts holds the two together.

import { type Buffer } from 'node:buffer';
import {
  boolean,
  customType,
  integer,
  pgSequence,
  pgTable,
  text,
  timestamp,
  uuid,
} from './drizzle.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const instant = (column: string) => timestamp(column, { withTimezone: true, mode: 'date' });

export const owners = pgTable('owners', {
  id: text('id').primaryKey(),
  createdAt: instant('created_at').notNull().defaultNow(),
});

export const servers = pgTable('servers', {
  id: uuid('id').primaryKey(),
  ownerId: text('owner_id').notNull(),
  name: text('name').notNull(),
  http2: boolean('http2').notNull().default(true),
  minTls: text('min_tls', { enum: ['1.2', '1.3'] })
    .notNull()
    .default('1.2'),
  certificateKey: text('certificate_key', { enum: ['ecdsa', 'rsa'] })
    .notNull()
    .default('ecdsa'),
  product: text('product', { enum: ['jellyfin', 'emby', 'plex', 'phlix', 'other'] }),
  lifted: text('lifted').array().notNull().default([]),
  createdAt: instant('created_at').notNull(),
  lastSeenAt: instant('last_seen_at'),
  revokedAt: instant('revoked_at'),
});

export const labels = pgTable('labels', {
  label: text('label').primaryKey(),
  ownerId: text('owner_id').notNull(),
  serverId: uuid('server_id'),
  state: text('state', { enum: ['active', 'quarantined'] }).notNull(),
  claimedAt: instant('claimed_at').notNull(),
  releasedAt: instant('released_at'),
  quarantinedUntil: instant('quarantined_until'),
});

export const agents = pgTable('agents', {
  agentId: text('agent_id').primaryKey(),
  publicKey: bytea('public_key').notNull(),
  serverId: uuid('server_id').notNull(),
  createdAt: instant('created_at').notNull(),
  revokedAt: instant('revoked_at'),
});

export const enrolmentTokens = pgTable('enrolment_tokens', {
  id: text('id').primaryKey(),
  secretHash: bytea('secret_hash').notNull(),
  ownerId: text('owner_id').notNull(),
  serverId: uuid('server_id'),
  label: text('label'),
  cidr: text('cidr'),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  usedAt: instant('used_at'),
  usedBy: text('used_by'),
});

export const labelChanges = pgTable('label_changes', {
  id: uuid('id').primaryKey(),
  ownerId: text('owner_id').notNull(),
  serverId: uuid('server_id').notNull(),
  fromLabel: text('from_label'),
  toLabel: text('to_label').notNull(),
  changedAt: instant('changed_at').notNull(),
});

export const hubRuns = pgTable('hub_runs', {
  id: integer('id').primaryKey(),
  startedAt: instant('started_at').notNull(),
  beatAt: instant('beat_at').notNull(),
});

export const presences = pgTable('presences', {
  runId: integer('run_id').notNull(),
  serverId: uuid('server_id').notNull(),
  since: instant('since').notNull(),
});

export const hubRunId = pgSequence('hub_run_id');

export const linkEpoch = pgSequence('link_epoch');
