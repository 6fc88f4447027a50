// The tables of people, their logins and what was counted of them leave here, as drizzle sees them; 0006_accounts.sql makes them.

import { bytea, instant } from './columns.ts';
import { boolean, doublePrecision, integer, pgTable, text, uuid } from './drizzle.ts';

const roles = ['admin', 'owner', 'member'] as const;

export const accounts = pgTable('accounts', {
  id: uuid('id').primaryKey(),
  ownerId: text('owner_id').notNull(),
  username: text('username').notNull(),
  key: text('key').notNull(),
  email: text('email'),
  emailKey: text('email_key'),
  emailVerifiedAt: instant('email_verified_at'),
  role: text('role', { enum: roles }).notNull(),
  state: text('state', { enum: ['active', 'suspended'] }).notNull(),
  passwordHash: text('password_hash'),
  passwordBreached: boolean('password_breached').notNull().default(false),
  networks: text('networks').array().notNull().default([]),
  createdAt: instant('created_at').notNull(),
  lastLoginAt: instant('last_login_at'),
});

export const serverMembers = pgTable('server_members', {
  serverId: uuid('server_id').notNull(),
  accountId: uuid('account_id').notNull(),
  since: instant('since').notNull(),
});

export const setupTokens = pgTable('setup_tokens', {
  secretHash: bytea('secret_hash').primaryKey(),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const invitations = pgTable('invitations', {
  id: uuid('id').primaryKey(),
  secretHash: bytea('secret_hash').notNull(),
  role: text('role', { enum: roles }).notNull(),
  serverId: uuid('server_id'),
  email: text('email'),
  invitedBy: uuid('invited_by'),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const logins = pgTable('logins', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  secretHash: bytea('secret_hash').notNull(),
  methods: text('methods').array().notNull(),
  restriction: text('restriction', { enum: ['enrol'] }),
  createdAt: instant('created_at').notNull(),
  seenAt: instant('seen_at').notNull(),
  address: text('address'),
  software: text('software').notNull(),
  liftedUntil: instant('lifted_until'),
});

export const signIns = pgTable('sign_ins', {
  id: uuid('id').primaryKey(),
  secretHash: bytea('secret_hash').notNull(),
  accountId: uuid('account_id'),
  methods: text('methods').array().notNull(),
  failures: integer('failures').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const loginFailures = pgTable('login_failures', {
  key: text('key').primaryKey(),
  failures: integer('failures').notNull(),
  since: instant('since').notNull(),
  dayFailures: integer('day_failures').notNull(),
  daySince: instant('day_since').notNull(),
  until: instant('until'),
  forgottenAt: instant('forgotten_at').notNull(),
});

export const knownBrowsers = pgTable('known_browsers', {
  id: uuid('id').primaryKey(),
  secretHash: bytea('secret_hash').notNull(),
  accountId: uuid('account_id').notNull(),
  usedAt: instant('used_at').notNull(),
});

/** From where, and with what, somebody has signed in before. */
export const loginPlaces = pgTable('login_places', {
  accountId: uuid('account_id').notNull(),
  network: text('network').notNull(),
  software: text('software').notNull(),
  firstAt: instant('first_at').notNull(),
  lastAt: instant('last_at').notNull(),
});

/** 0012_whereabouts.sql makes it. */
export const whereabouts = pgTable('whereabouts', {
  accountId: uuid('account_id').primaryKey(),
  latitude: doublePrecision('latitude').notNull(),
  longitude: doublePrecision('longitude').notNull(),
  accuracyKm: doublePrecision('accuracy_km').notNull(),
  at: instant('at').notNull(),
});

export const stepUps = pgTable('step_ups', {
  id: uuid('id').primaryKey(),
  loginId: uuid('login_id').notNull(),
  level: text('level', { enum: ['config', 'destructive'] }).notNull(),
  action: text('action').notNull(),
  target: text('target').notNull(),
  expiresAt: instant('expires_at').notNull(),
  isProven: boolean('is_proven').notNull().default(false),
  proofHash: bytea('proof_hash'),
});
