// The tables of who is told of what leave here, as drizzle sees them; 0008_sso_notices.sql makes them.

import { targetKinds } from '../notices/targets/target.ts';
import { bytea, instant } from './columns.ts';
import { boolean, integer, pgTable, text, uuid } from './drizzle.ts';

export const noticeTargets = pgTable('notice_targets', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id'),
  kind: text('kind', { enum: targetKinds }).notNull(),
  label: text('label').notNull(),
  kinds: text('kinds').array().notNull().default([]),
  allow: text('allow').array().notNull().default([]),
  isEnabled: boolean('is_enabled').notNull().default(true),
  createdAt: instant('created_at').notNull(),
  lastSentAt: instant('last_sent_at'),
  failedAt: instant('failed_at'),
  failure: text('failure'),
  sealed: bytea('sealed').notNull(),
});

export const serverAlerts = pgTable('server_alerts', {
  serverId: uuid('server_id').primaryKey(),
  offlineMinutes: integer('offline_minutes'),
  offlineSince: instant('offline_since'),
  toldAt: instant('told_at'),
});

export const toldNotices = pgTable('told_notices', {
  key: text('key').primaryKey(),
  toldAt: instant('told_at').notNull(),
});
