// Browsers that may skip the second factor arrive and leave as rows. Implements the port of hub/accounts/factors/trusted-browsers.ts.

import type { Buffer } from 'node:buffer';

import type {
  StoredTrust,
  TrustedBrowser,
  TrustedBrowserStore,
} from '../../accounts/factors/trusted-browsers.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, gt, lt, or } from '../drizzle.ts';
import { trustedBrowsers } from '../factor-tables.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { lockFactors } from './factor-rows.ts';

export class PostgresTrustedBrowserStore implements TrustedBrowserStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async list(accountId: string, now: Date): Promise<TrustedBrowser[]> {
    const rows = await this.#queries
      .select({
        id: trustedBrowsers.id,
        accountId: trustedBrowsers.accountId,
        software: trustedBrowsers.software,
        createdAt: trustedBrowsers.createdAt,
        lastUsedAt: trustedBrowsers.lastUsedAt,
        expiresAt: trustedBrowsers.expiresAt,
      })
      .from(trustedBrowsers)
      .where(and(eq(trustedBrowsers.accountId, accountId), gt(trustedBrowsers.expiresAt, now)))
      .orderBy(desc(trustedBrowsers.lastUsedAt));
    return rows;
  }

  async insert(browser: StoredTrust, limit: number): Promise<void> {
    const { accountId } = browser;
    await inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      const kept = await tx
        .select({ id: trustedBrowsers.id })
        .from(trustedBrowsers)
        .where(eq(trustedBrowsers.accountId, accountId))
        .orderBy(desc(trustedBrowsers.lastUsedAt), desc(trustedBrowsers.id));
      const given = kept.slice(limit - 1).map(({ id }) => eq(trustedBrowsers.id, id));
      await tx
        .delete(trustedBrowsers)
        .where(or(lt(trustedBrowsers.expiresAt, browser.createdAt), ...given));
      await tx.insert(trustedBrowsers).values({ ...browser, country: browser.country ?? null });
    });
  }

  async find(selector: string): Promise<StoredTrust | undefined> {
    const [row] = await this.#queries
      .select()
      .from(trustedBrowsers)
      .where(eq(trustedBrowsers.selector, selector));
    return row && { ...row, country: row.country ?? undefined };
  }

  async rotate(id: string, former: Buffer, next: Buffer, at: Date): Promise<boolean> {
    const rotated = await this.#queries
      .update(trustedBrowsers)
      .set({ validatorHash: next, lastUsedAt: at })
      .where(and(eq(trustedBrowsers.id, id), eq(trustedBrowsers.validatorHash, former)))
      .returning({ id: trustedBrowsers.id });
    return rotated.length === 1;
  }

  async remove(accountId: string, id: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    const removed = await this.#queries
      .delete(trustedBrowsers)
      .where(and(eq(trustedBrowsers.id, id), eq(trustedBrowsers.accountId, accountId)))
      .returning({ id: trustedBrowsers.id });
    return removed.length === 1;
  }

  async removeAll(accountId: string): Promise<number> {
    const removed = await this.#queries
      .delete(trustedBrowsers)
      .where(eq(trustedBrowsers.accountId, accountId))
      .returning({ id: trustedBrowsers.id });
    return removed.length;
  }
}
