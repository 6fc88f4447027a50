// The tables of traffic, of lines and of what happened to servers leave here, as drizzle sees them; 0010_usage.sql makes them.

import { instant } from './columns.ts';
import {
  bigint,
  doublePrecision,
  integer,
  jsonb,
  pgTable,
  real,
  smallint,
  text,
  uuid,
} from './drizzle.ts';

const count = (column: string) => bigint(column, { mode: 'number' });

export const traffic = pgTable('traffic', {
  grain: text('grain', { enum: ['hour', 'day'] }).notNull(),
  serverId: uuid('server_id').notNull(),
  ownerId: text('owner_id').notNull(),
  at: instant('at').notNull(),
  bytesUp: count('bytes_up').notNull(),
  bytesDown: count('bytes_down').notNull(),
  requests: count('requests').array().notNull(),
});

export const trafficWriters = pgTable('traffic_writers', {
  writer: uuid('writer').primaryKey(),
  sequence: count('sequence').notNull(),
  writtenAt: instant('written_at').notNull(),
});

export const trafficLimits = pgTable('traffic_limits', {
  scope: text('scope', { enum: ['server', 'account'] }).notNull(),
  subjectId: text('subject_id').notNull(),
  bytesPerMonth: count('bytes_per_month'),
  megabitsPerSecond: doublePrecision('megabits_per_second'),
  streams: integer('streams'),
});

export const linkSamples = pgTable('link_samples', {
  serverId: uuid('server_id').notNull(),
  minute: instant('minute').notNull(),
  writer: uuid('writer').notNull(),
  tens: smallint('tens').array().notNull(),
  rttMs: real('rtt_ms').array().notNull(),
  queueMs: real('queue_ms').array().notNull(),
  bitsUp: count('bits_up').array().notNull(),
  bitsDown: count('bits_down').array().notNull(),
});

export const linkMeans = pgTable('link_means', {
  serverId: uuid('server_id').notNull(),
  at: instant('at').notNull(),
  rttMs: real('rtt_ms'),
  queueMs: real('queue_ms'),
  bitsUp: count('bits_up').notNull(),
  bitsDown: count('bits_down').notNull(),
});

export const serverEvents = pgTable('server_events', {
  id: uuid('id').primaryKey(),
  serverId: uuid('server_id').notNull(),
  at: instant('at').notNull(),
  kind: text('kind', {
    enum: ['connected', 'disconnected', 'agent-updated', 'certificate-renewed'],
  }).notNull(),
  detail: jsonb('detail').notNull(),
});

export const serverAgents = pgTable('server_agents', {
  serverId: uuid('server_id').primaryKey(),
  software: text('software').notNull(),
  connectedAt: instant('connected_at').notNull(),
});
