// Accounts arrive and leave as rows, without their passwords; what two of them cannot share is told from other failures.

import { DatabaseError as ServerError } from 'pg';

import { AccountError } from '../../accounts/account-error.ts';
import { emailKey, type Account, type NewAccount } from '../../accounts/account.ts';
import { accounts } from '../account-tables.ts';
import { sql } from '../drizzle.ts';
import { owners } from '../schema.ts';
import type { Transaction } from '../transaction.ts';

/** All but the password. */
export const accountColumns = {
  id: accounts.id,
  ownerId: accounts.ownerId,
  username: accounts.username,
  key: accounts.key,
  email: accounts.email,
  emailVerifiedAt: accounts.emailVerifiedAt,
  role: accounts.role,
  state: accounts.state,
  createdAt: accounts.createdAt,
  lastLoginAt: accounts.lastLoginAt,
  passwordBreached: accounts.passwordBreached,
  networks: accounts.networks,
};

type AccountRow = Omit<typeof accounts.$inferSelect, 'passwordHash' | 'emailKey'>;

export function accountOf(row: AccountRow): Account {
  return {
    ...row,
    email: row.email ?? undefined,
    emailVerifiedAt: row.emailVerifiedAt ?? undefined,
    lastLoginAt: row.lastLoginAt ?? undefined,
  };
}

/** @throws AccountError account.exists */
export async function insertAccount(
  tx: Transaction,
  { account, passwordHash }: NewAccount,
): Promise<void> {
  const { id, email, ownerId } = account;
  await tx
    .insert(owners)
    .values({ id: ownerId, createdAt: account.createdAt })
    .onConflictDoNothing();
  const row = {
    ...account,
    networks: [...account.networks],
    emailKey: email === undefined ? null : emailKey(email),
    passwordHash: passwordHash ?? null,
  };
  const made = await tx
    .insert(accounts)
    .values(row)
    .onConflictDoNothing()
    .returning({ id: accounts.id });
  if (made[0]?.id !== id) throw taken();
}

/** Whoever changes who is an admin does it alone, so that two cannot end each other's rights at once. */
export async function lockStandings(tx: Transaction): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${standingsLock})`);
}

/** As in migrate.ts any number will do: "admin" on a telephone's keys. */
const standingsLock = 23_646;

/** @throws AccountError account.exists, for a unique index that said no */
export function requireUnique(error: unknown): never {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof ServerError && cause.code === uniqueViolation) throw taken(cause);
  throw error;
}

const uniqueViolation = '23505';

function taken(cause?: unknown): AccountError {
  return new AccountError(
    'account.exists',
    'somebody has this user name or e-mail address already: choose another one',
    { cause },
  );
}
