// The tables as drizzle sees them leave here. The migrations make them; schema.test.ts holds the two together.

import { type Buffer } from 'node:buffer';

import type { Finding } from '../../shared/doctor/finding.ts';
import {
  bigint,
  boolean,
  customType,
  integer,
  jsonb,
  pgSequence,
  pgTable,
  text,
  timestamp,
  uuid,
} from './drizzle.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const instant = (column: string) => timestamp(column, { withTimezone: true, mode: 'date' });
const challengeKinds = ['dns-01', 'http-01', 'tls-alpn-01'] as const;

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
  authority: text('authority', { enum: ['first', 'second'] })
    .notNull()
    .default('first'),
  product: text('product', { enum: ['jellyfin', 'emby', 'plex', 'phlix', 'other'] }),
  lifted: text('lifted').array().notNull().default([]),
  createdAt: instant('created_at').notNull(),
  lastSeenAt: instant('last_seen_at'),
  revokedAt: instant('revoked_at'),
  suspendedAt: instant('suspended_at'),
  suspensionReason: text('suspension_reason'),
});

export const labels = pgTable('labels', {
  label: text('label').primaryKey(),
  ownerId: text('owner_id').notNull(),
  serverId: uuid('server_id'),
  state: text('state', { enum: ['active', 'quarantined'] }).notNull(),
  claimedAt: instant('claimed_at').notNull(),
  releasedAt: instant('released_at'),
  quarantinedUntil: instant('quarantined_until'),
  newOwnerSince: instant('new_owner_since'),
});

export const agents = pgTable('agents', {
  agentId: text('agent_id').primaryKey(),
  publicKey: bytea('public_key').notNull(),
  serverId: uuid('server_id').notNull(),
  createdAt: instant('created_at').notNull(),
  revokedAt: instant('revoked_at'),
  replaces: text('replaces'),
  replacesEpoch: bigint('replaces_epoch', { mode: 'bigint' }),
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

export const serverFindings = pgTable('server_findings', {
  serverId: uuid('server_id').notNull(),
  part: text('part', { enum: ['home', 'line'] }).notNull(),
  lookedAt: instant('looked_at').notNull(),
  findings: jsonb('findings').$type<readonly Finding[]>().notNull(),
});

export const certificates = pgTable('certificates', {
  id: uuid('id').primaryKey(),
  wishKey: text('wish_key').notNull(),
  names: text('names').array().notNull(),
  keyKind: text('key_kind', { enum: ['ecdsa', 'rsa'] }).notNull(),
  authority: text('authority').notNull(),
  challenge: text('challenge', { enum: challengeKinds }).notNull(),
  profile: text('profile'),
  serverId: uuid('server_id'),
  ownerId: text('owner_id'),
  createdAt: instant('created_at').notNull(),
  releasedAt: instant('released_at'),
  isRetiring: boolean('is_retiring').notNull().default(false),
  chain: text('chain'),
  sealedKey: bytea('sealed_key'),
  issuedBy: text('issued_by'),
  ariId: text('ari_id'),
  notBefore: instant('not_before'),
  notAfter: instant('not_after'),
  windowStart: instant('window_start'),
  windowEnd: instant('window_end'),
  selectedAt: instant('selected_at'),
  askAgainAt: instant('ask_again_at'),
  hastenedAt: instant('hastened_at'),
  failures: integer('failures').notNull().default(0),
  nextTryAt: instant('next_try_at'),
  errorCode: text('error_code'),
  errorMessage: text('error_message'),
  errorAt: instant('error_at'),
  fence: bigint('fence', { mode: 'number' }).notNull().default(0),
  leaseUntil: instant('lease_until'),
});

export const authorityAccounts = pgTable('authority_accounts', {
  authority: text('authority').primaryKey(),
  sealedKey: bytea('sealed_key').notNull(),
  url: text('url'),
});

export const authorityOrders = pgTable('authority_orders', {
  id: uuid('id').primaryKey(),
  certificateId: uuid('certificate_id').notNull(),
  authority: text('authority').notNull(),
  names: text('names').array().notNull(),
  at: instant('at').notNull(),
  kind: text('kind', { enum: ['new', 'renewal', 'replacement'] }).notNull(),
  outcome: text('outcome', { enum: ['open', 'issued', 'failed'] }).notNull(),
});

export const challenges = pgTable('challenges', {
  kind: text('kind', { enum: challengeKinds }).notNull(),
  name: text('name').notNull(),
  token: text('token').notNull(),
  keyAuthorization: text('key_authorization').notNull(),
  putAt: instant('put_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const txtRecords = pgTable('txt_records', {
  name: text('name').notNull(),
  value: text('value').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const probes = pgTable('probes', {
  id: uuid('id').primaryKey(),
  bytes: bytea('bytes').notNull(),
  at: instant('at').notNull().defaultNow(),
});

export const domains = pgTable('domains', {
  id: uuid('id').primaryKey(),
  hostname: text('hostname').notNull(),
  serverId: uuid('server_id').notNull(),
  ownerId: text('owner_id').notNull(),
  token: text('token').notNull(),
  state: text('state', {
    enum: ['waiting', 'active', 'unreachable', 'withdrawn', 'dropped'],
  }).notNull(),
  stateSince: instant('state_since').notNull(),
  troubledSince: instant('troubled_since'),
  dropReason: text('drop_reason', { enum: ['grace', 'unproven', 'moved', 'revoked'] }),
  proof: text('proof', { enum: ['present', 'absent', 'other', 'held', 'unanswered'] }),
  way: text('way', { enum: ['here', 'elsewhere', 'nowhere', 'unanswered'] }),
  strangers: text('strangers').array().notNull().default([]),
  checkedAt: instant('checked_at'),
  nextCheckAt: instant('next_check_at').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const hubRunId = pgSequence('hub_run_id');

export const linkEpoch = pgSequence('link_epoch');
