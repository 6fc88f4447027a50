// Browsers that have signed in arrive and leave as rows. Implements the port of hub/accounts/login/known-browsers.ts.

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { KnownBrowserStore } from '../../accounts/login/known-browsers.ts';
import { knownBrowsers } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, sql } from '../drizzle.ts';
import { inTransaction } from '../transaction.ts';

export class PostgresKnownBrowserStore implements KnownBrowserStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(secretHash: Buffer, accountId: string, since: Date): Promise<string | undefined> {
    const [row] = await this.#queries
      .select({ id: knownBrowsers.id })
      .from(knownBrowsers)
      .where(
        and(
          eq(knownBrowsers.secretHash, secretHash),
          eq(knownBrowsers.accountId, accountId),
          gt(knownBrowsers.usedAt, since),
        ),
      );
    return row?.id;
  }

  async isKnown(secretHash: Buffer, since: Date): Promise<boolean> {
    const rows = await this.#queries
      .select({ id: knownBrowsers.id })
      .from(knownBrowsers)
      .where(and(eq(knownBrowsers.secretHash, secretHash), gt(knownBrowsers.usedAt, since)))
      .limit(1);
    return rows.length > 0;
  }

  async replace(
    formerHash: Buffer | undefined,
    secretHash: Buffer,
    { accountId, at, most }: { accountId: string; at: Date; most: number },
  ): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      if (formerHash !== undefined) {
        const isFormer = eq(knownBrowsers.secretHash, formerHash);
        await tx.update(knownBrowsers).set({ secretHash }).where(isFormer);
      }
      await tx
        .insert(knownBrowsers)
        .values({ id: randomUUIDv7(), secretHash, accountId, usedAt: at })
        .onConflictDoUpdate({
          target: [knownBrowsers.secretHash, knownBrowsers.accountId],
          set: { usedAt: at },
        });
      await tx.execute(sql`
        DELETE FROM known_browsers WHERE id IN (
          SELECT id FROM known_browsers WHERE account_id = ${accountId}::uuid
          ORDER BY used_at DESC, id DESC OFFSET ${most})`);
    });
  }

  async removeAll(accountId: string): Promise<void> {
    await this.#queries.delete(knownBrowsers).where(eq(knownBrowsers.accountId, accountId));
  }
}
