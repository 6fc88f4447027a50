// The tables of what proves who somebody is leave here, as drizzle sees them; 0007_factors.sql makes them.

import { bytea, instant } from './columns.ts';
import { bigint, boolean, integer, pgTable, text, uuid } from './drizzle.ts';

export const sealedSecrets = pgTable('sealed_secrets', {
  name: text('name').primaryKey(),
  sealed: bytea('sealed').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const totpSecrets = pgTable('totp_secrets', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  sealedSecret: bytea('sealed_secret').notNull(),
  lastStep: bigint('last_step', { mode: 'number' }),
  createdAt: instant('created_at').notNull(),
  confirmedAt: instant('confirmed_at'),
});

export const passkeys = pgTable('passkeys', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  credentialId: bytea('credential_id').notNull(),
  publicKey: bytea('public_key').notNull(),
  counter: bigint('counter', { mode: 'number' }).notNull(),
  transports: text('transports').array().notNull().default([]),
  isBackupEligible: boolean('is_backup_eligible').notNull(),
  isBackedUp: boolean('is_backed_up').notNull(),
  name: text('name').notNull(),
  createdAt: instant('created_at').notNull(),
  lastUsedAt: instant('last_used_at'),
});

export const passkeyChallenges = pgTable('passkey_challenges', {
  challenge: text('challenge').primaryKey(),
  purpose: text('purpose', { enum: ['register', 'prove'] }).notNull(),
  binding: text('binding').notNull(),
  accountId: uuid('account_id'),
  expiresAt: instant('expires_at').notNull(),
});

export const recoveryCodes = pgTable('recovery_codes', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  mac: bytea('mac').notNull(),
  createdAt: instant('created_at').notNull(),
  usedAt: instant('used_at'),
});

export const trustedBrowsers = pgTable('trusted_browsers', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  selector: text('selector').notNull(),
  validatorHash: bytea('validator_hash').notNull(),
  software: text('software').notNull(),
  country: text('country'),
  createdAt: instant('created_at').notNull(),
  lastUsedAt: instant('last_used_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const emailCodes = pgTable('email_codes', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  binding: text('binding').notNull(),
  mac: bytea('mac').notNull(),
  tries: integer('tries').notNull().default(0),
  sentAt: instant('sent_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  usedAt: instant('used_at'),
});

export const emailLinks = pgTable('email_links', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  purpose: text('purpose', { enum: ['verify', 'reset'] }).notNull(),
  email: text('email').notNull(),
  secretHash: bytea('secret_hash').notNull(),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const emailSends = pgTable('email_sends', {
  id: uuid('id').primaryKey(),
  purpose: text('purpose', { enum: ['code', 'verify', 'reset', 'invite'] }).notNull(),
  accountId: uuid('account_id'),
  askedFrom: text('asked_from'),
  sentAt: instant('sent_at').notNull(),
});

export const factorStandings = pgTable('factor_standings', {
  accountId: uuid('account_id').primaryKey(),
  lockedAt: instant('locked_at'),
  resetAt: instant('reset_at'),
});
