// HMACs of recovery codes arrive and leave as rows, each of use once. Implements the port of hub/accounts/factors/recovery.ts.

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { RecoveryStore } from '../../accounts/factors/recovery.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, isNull } from '../drizzle.ts';
import { recoveryCodes } from '../factor-tables.ts';
import { inTransaction } from '../transaction.ts';
import { countRecoveryCodes, lockFactors } from './factor-rows.ts';

export class PostgresRecoveryStore implements RecoveryStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async left(accountId: string): Promise<number> {
    return countRecoveryCodes(this.#queries, accountId);
  }

  async replace(accountId: string, macs: readonly Buffer[], at: Date): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      await tx.delete(recoveryCodes).where(eq(recoveryCodes.accountId, accountId));
      const codes = macs.map((mac) => ({ id: randomUUIDv7(), accountId, mac, createdAt: at }));
      await tx.insert(recoveryCodes).values(codes);
    });
  }

  async use(accountId: string, mac: Buffer, at: Date): Promise<boolean> {
    const used = await this.#queries
      .update(recoveryCodes)
      .set({ usedAt: at })
      .where(
        and(
          eq(recoveryCodes.accountId, accountId),
          eq(recoveryCodes.mac, mac),
          isNull(recoveryCodes.usedAt),
        ),
      )
      .returning({ id: recoveryCodes.id });
    return used.length === 1;
  }
}
