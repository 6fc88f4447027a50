// The tables of single sign-on leave here, as drizzle sees them; 0008_sso_notices.sql makes them.

import { presetNames } from '../accounts/sso/presets.ts';
import { bytea, instant } from './columns.ts';
import { boolean, pgTable, text, uuid } from './drizzle.ts';

const words = (column: string) => text(column).array().notNull().default([]);

export const ssoProviders = pgTable('sso_providers', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  preset: text('preset', { enum: presetNames }).notNull(),
  issuer: text('issuer').notNull(),
  clientId: text('client_id').notNull(),
  sealedSecret: bytea('sealed_secret'),
  scopes: text('scopes').array().notNull(),
  groupsClaim: text('groups_claim').notNull(),
  adminGroups: words('admin_groups'),
  ownerGroups: words('owner_groups'),
  memberGroups: words('member_groups'),
  mfaAcr: words('mfa_acr'),
  mfaAmr: words('mfa_amr'),
  linksByEmail: boolean('links_by_email').notNull().default(false),
  createsAccounts: boolean('creates_accounts').notNull().default(false),
  allowPrivate: boolean('allow_private').notNull().default(false),
  allow: words('allow'),
  isEnabled: boolean('is_enabled').notNull().default(true),
  createdAt: instant('created_at').notNull(),
  answeredAt: instant('answered_at'),
});

export const ssoLinks = pgTable('sso_links', {
  id: uuid('id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  providerId: text('provider_id').notNull(),
  issuer: text('issuer').notNull(),
  subject: text('subject').notNull(),
  name: text('name'),
  givenRole: text('given_role', { enum: ['admin', 'owner', 'member'] }),
  linkedAt: instant('linked_at').notNull(),
  lastUsedAt: instant('last_used_at'),
});

export const ssoTransactions = pgTable('sso_transactions', {
  secretHash: bytea('secret_hash').primaryKey(),
  stateHash: bytea('state_hash').notNull(),
  sealed: bytea('sealed').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const ssoLogins = pgTable('sso_logins', {
  loginId: uuid('login_id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  providerId: text('provider_id').notNull(),
  issuer: text('issuer').notNull(),
  subject: text('subject').notNull(),
  sid: text('sid'),
  sealedIdToken: bytea('sealed_id_token').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const ssoLogoutTokens = pgTable('sso_logout_tokens', {
  jtiHash: bytea('jti_hash').primaryKey(),
  expiresAt: instant('expires_at').notNull(),
});

export const localLogin = pgTable('local_login', {
  id: boolean('id').primaryKey().default(true),
  openUntil: instant('open_until').notNull(),
});
