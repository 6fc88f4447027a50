// What browsers set out for arrives hashed and sealed; each leaves once. Until when local sign-in is open is kept here too. Implements ports of hub/accounts/sso.

import type { Buffer } from 'node:buffer';

import type { LocalLoginStore } from '../../accounts/sso/local-login.ts';
import type { StoredTransaction, TransactionStore } from '../../accounts/sso/transaction.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, lt } from '../drizzle.ts';
import { localLogin, ssoTransactions } from '../sso-tables.ts';

export class PostgresSsoTransactionStore implements TransactionStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(transaction: StoredTransaction, now: Date): Promise<void> {
    await this.#queries.delete(ssoTransactions).where(lt(ssoTransactions.expiresAt, now));
    await this.#queries.insert(ssoTransactions).values(transaction);
  }

  async take(secretHash: Buffer, stateHash: Buffer, now: Date): Promise<Buffer | undefined> {
    const [row] = await this.#queries
      .delete(ssoTransactions)
      .where(
        and(
          eq(ssoTransactions.secretHash, secretHash),
          eq(ssoTransactions.stateHash, stateHash),
          gt(ssoTransactions.expiresAt, now),
        ),
      )
      .returning({ sealed: ssoTransactions.sealed });
    return row?.sealed;
  }
}

export class PostgresLocalLoginStore implements LocalLoginStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async openUntil(): Promise<Date | undefined> {
    const [row] = await this.#queries.select().from(localLogin);
    return row?.openUntil;
  }

  async open(until: Date): Promise<void> {
    await this.#queries
      .insert(localLogin)
      .values({ openUntil: until })
      .onConflictDoUpdate({ target: localLogin.id, set: { openUntil: until } });
  }

  async close(): Promise<void> {
    await this.#queries.delete(localLogin);
  }
}
