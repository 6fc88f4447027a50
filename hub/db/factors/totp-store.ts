// Secrets of authenticator apps arrive sealed and leave as rows. Implements the port of hub/accounts/factors/totp.ts.

import type { TotpSecret, TotpStore } from '../../accounts/factors/totp.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, isNotNull, isNull, lt, or } from '../drizzle.ts';
import { totpSecrets } from '../factor-tables.ts';
import { inTransaction } from '../transaction.ts';
import { countPasskeys, endStanding, lockFactors } from './factor-rows.ts';

export class PostgresTotpStore implements TotpStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(accountId: string, state: 'active' | 'pending'): Promise<TotpSecret | undefined> {
    const [row] = await this.#queries
      .select()
      .from(totpSecrets)
      .where(and(eq(totpSecrets.accountId, accountId), isIn[state]));
    return row && secretOf(row);
  }

  async putPending(secret: TotpSecret): Promise<void> {
    const { accountId } = secret;
    await inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      await tx.delete(totpSecrets).where(and(eq(totpSecrets.accountId, accountId), isIn.pending));
      await tx.insert(totpSecrets).values({ ...secret, confirmedAt: null });
    });
  }

  async activate(pending: TotpSecret, step: number, at: Date): Promise<boolean> {
    const { id, accountId } = pending;
    return inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      const isThis = and(eq(totpSecrets.id, id), isIn.pending);
      const [still] = await tx.select({ id: totpSecrets.id }).from(totpSecrets).where(isThis);
      if (still === undefined) return false;
      await tx.delete(totpSecrets).where(and(eq(totpSecrets.accountId, accountId), isIn.active));
      await tx.update(totpSecrets).set({ confirmedAt: at, lastStep: step }).where(isThis);
      await endStanding(tx, accountId);
      return true;
    });
  }

  async advance(id: string, step: number): Promise<boolean> {
    const advanced = await this.#queries
      .update(totpSecrets)
      .set({ lastStep: step })
      .where(
        and(
          eq(totpSecrets.id, id),
          isIn.active,
          or(isNull(totpSecrets.lastStep), lt(totpSecrets.lastStep, step)),
        ),
      )
      .returning({ id: totpSecrets.id });
    return advanced.length === 1;
  }

  async remove(accountId: string): Promise<'removed' | 'unknown' | 'last'> {
    return inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      const ofAccount = eq(totpSecrets.accountId, accountId);
      const rows = await tx.select().from(totpSecrets).where(ofAccount);
      if (!rows.some(({ confirmedAt }) => confirmedAt !== null)) return 'unknown';
      if ((await countPasskeys(tx, accountId)) === 0) return 'last';
      await tx.delete(totpSecrets).where(ofAccount);
      return 'removed';
    });
  }
}

const isIn = {
  active: isNotNull(totpSecrets.confirmedAt),
  pending: isNull(totpSecrets.confirmedAt),
} as const;

function secretOf(row: typeof totpSecrets.$inferSelect): TotpSecret {
  const { lastStep, confirmedAt } = row;
  return { ...row, lastStep: lastStep ?? undefined, confirmedAt: confirmedAt ?? undefined };
}
