// The hub's accounts at authorities arrive and leave as rows, one for each authority. Implements the port of hub/certificates/life/certificate.ts.

import type { Buffer } from 'node:buffer';

import type { AccountStore, AuthorityAccount } from '../certificates/life/certificate.ts';
import type { Database, Queries } from './connect.ts';
import { DatabaseError } from './database-error.ts';
import { and, eq } from './drizzle.ts';
import { authorityAccounts } from './schema.ts';

export class PostgresAccountStore implements AccountStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(authority: string): Promise<AuthorityAccount | undefined> {
    const [row] = await this.#queries
      .select()
      .from(authorityAccounts)
      .where(eq(authorityAccounts.authority, authority));
    return row && { ...row, url: row.url ?? undefined };
  }

  async insert(account: AuthorityAccount): Promise<AuthorityAccount> {
    await this.#queries.insert(authorityAccounts).values(account).onConflictDoNothing();
    const stored = await this.find(account.authority);
    if (stored !== undefined) return stored;
    throw new DatabaseError(
      'database.failed',
      `the account at ${account.authority} was removed in the moment it was stored: the next attempt stores it again`,
    );
  }

  async saveUrl(account: AuthorityAccount, url: string): Promise<void> {
    await this.#queries.update(authorityAccounts).set({ url }).where(isStored(account));
  }

  async reseal(account: AuthorityAccount, sealedKey: Buffer): Promise<void> {
    await this.#queries.update(authorityAccounts).set({ sealedKey }).where(isStored(account));
  }

  async remove(account: AuthorityAccount): Promise<void> {
    await this.#queries.delete(authorityAccounts).where(isStored(account));
  }
}

/** Sealing the same key twice gives other bytes, so these tell one account from every other. */
function isStored({ authority, sealedKey }: AuthorityAccount) {
  return and(
    eq(authorityAccounts.authority, authority),
    eq(authorityAccounts.sealedKey, sealedKey),
  );
}
