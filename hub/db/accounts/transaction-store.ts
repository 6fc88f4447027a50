// Sign-ins that are half done arrive and leave as rows. Implements the port of hub/accounts/login/transactions.ts.

import type { Buffer } from 'node:buffer';

import type { LoginMethod } from '../../accounts/login/login.ts';
import type {
  Transaction as SignInTransaction,
  TransactionStore,
} from '../../accounts/login/transactions.ts';
import { signIns } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gte, lt, sql } from '../drizzle.ts';

export class PostgresTransactionStore implements TransactionStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(transaction: SignInTransaction, secretHash: Buffer, now: Date): Promise<void> {
    await this.#queries.delete(signIns).where(lt(signIns.expiresAt, now));
    const row = { ...transaction, methods: [...transaction.methods], secretHash };
    await this.#queries.insert(signIns).values(row);
  }

  async find(secretHash: Buffer): Promise<SignInTransaction | undefined> {
    const [row] = await this.#queries
      .select()
      .from(signIns)
      .where(eq(signIns.secretHash, secretHash));
    if (row === undefined) return undefined;
    const { id, accountId, methods, failures, expiresAt } = row;
    return {
      id,
      accountId: accountId ?? undefined,
      // The hub alone writes them.
      methods: methods as LoginMethod[],
      failures,
      expiresAt,
    };
  }

  async fail(id: string, most: number): Promise<void> {
    await this.#queries
      .update(signIns)
      .set({ failures: sql`${signIns.failures} + 1` })
      .where(eq(signIns.id, id));
    const isUsedUp = and(eq(signIns.id, id), gte(signIns.failures, most));
    await this.#queries.delete(signIns).where(isUsedUp);
  }

  async take(id: string): Promise<boolean> {
    const taken = await this.#queries.delete(signIns).where(eq(signIns.id, id));
    return taken.rowCount === 1;
  }

  async removeOf(accountId: string): Promise<void> {
    await this.#queries.delete(signIns).where(eq(signIns.accountId, accountId));
  }
}
