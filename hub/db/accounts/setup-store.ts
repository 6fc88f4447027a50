// Tokens for the first admin arrive; one of them leaves as an account. Implements the port of hub/accounts/setup.ts.

import type { Buffer } from 'node:buffer';

import type { NewAccount } from '../../accounts/account.ts';
import type { SetupStore } from '../../accounts/setup.ts';
import { accounts, setupTokens } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, count, eq, gt, lt } from '../drizzle.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { insertAccount, lockStandings } from './account-rows.ts';

export class PostgresSetupStore implements SetupStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async hasAdmin(): Promise<boolean> {
    return hasAdmin(this.#queries);
  }

  async insertToken(
    secretHash: Buffer,
    { now, expiresAt }: { now: Date; expiresAt: Date },
  ): Promise<void> {
    await this.#queries.delete(setupTokens).where(lt(setupTokens.expiresAt, now));
    await this.#queries.insert(setupTokens).values({ secretHash, createdAt: now, expiresAt });
  }

  async isLive(secretHash: Buffer, now: Date): Promise<boolean> {
    const rows = await this.#queries
      .select({ at: setupTokens.createdAt })
      .from(setupTokens)
      .where(isLive(secretHash, now));
    return rows.length > 0;
  }

  async redeem(
    secretHash: Buffer,
    made: NewAccount,
    now: Date,
  ): Promise<'made' | 'done' | 'unknown'> {
    return inTransaction(this.#queries, async (tx) => {
      await lockStandings(tx);
      if (await hasAdmin(tx)) return 'done';
      const spent = await tx.delete(setupTokens).where(isLive(secretHash, now));
      if (spent.rowCount !== 1) return 'unknown';
      await tx.delete(setupTokens);
      await insertAccount(tx, made);
      return 'made';
    });
  }
}

function isLive(secretHash: Buffer, now: Date) {
  return and(eq(setupTokens.secretHash, secretHash), gt(setupTokens.expiresAt, now));
}

async function hasAdmin(queries: Queries | Transaction): Promise<boolean> {
  const [admins] = await queries
    .select({ rows: count() })
    .from(accounts)
    .where(eq(accounts.role, 'admin'));
  return (admins?.rows ?? 0) > 0;
}
