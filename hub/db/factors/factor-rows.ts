// An account arrives whose factors are about to change; it leaves locked against every other such change, and what it has is counted.

import type { Queries } from '../connect.ts';
import { and, count, eq, gt, isNotNull, isNull, or, sql } from '../drizzle.ts';
import {
  emailCodes,
  emailLinks,
  factorStandings,
  passkeyChallenges,
  passkeys,
  recoveryCodes,
  totpSecrets,
  trustedBrowsers,
} from '../factor-tables.ts';
import type { Transaction } from '../transaction.ts';

type Connection = Queries | Transaction;

/** Until the transaction ends: of two that each remove one of the last two factors, the second sees what the first did. */
export async function lockFactors(tx: Transaction, accountId: string): Promise<void> {
  const name = `factors of ${accountId}`;
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

export async function countPasskeys(connection: Connection, accountId: string): Promise<number> {
  const [row] = await connection
    .select({ count: count() })
    .from(passkeys)
    .where(eq(passkeys.accountId, accountId));
  return row?.count ?? 0;
}

export async function hasActiveTotp(connection: Connection, accountId: string): Promise<boolean> {
  const [row] = await connection
    .select({ id: totpSecrets.id })
    .from(totpSecrets)
    .where(and(eq(totpSecrets.accountId, accountId), isNotNull(totpSecrets.confirmedAt)));
  return row !== undefined;
}

export async function countRecoveryCodes(
  connection: Connection,
  accountId: string,
): Promise<number> {
  const [row] = await connection
    .select({ count: count() })
    .from(recoveryCodes)
    .where(and(eq(recoveryCodes.accountId, accountId), isNull(recoveryCodes.usedAt)));
  return row?.count ?? 0;
}

/** What a lock or a reset waited for: a factor that nobody else has. */
export async function endStanding(tx: Transaction, accountId: string): Promise<void> {
  await tx.delete(factorStandings).where(eq(factorStandings.accountId, accountId));
}

/** Whether a lock or a reset came after `since`: what was begun before it is void. */
export async function wasTakenAway(
  tx: Transaction,
  accountId: string,
  since: Date,
): Promise<boolean> {
  const { lockedAt, resetAt } = factorStandings;
  const [row] = await tx
    .select({ accountId: factorStandings.accountId })
    .from(factorStandings)
    .where(
      and(eq(factorStandings.accountId, accountId), or(gt(lockedAt, since), gt(resetAt, since))),
    );
  return row !== undefined;
}

/** What somebody may hold in their hands, and whatever was begun with it. */
export async function removeHeld(tx: Transaction, accountId: string): Promise<void> {
  const held = [passkeys, totpSecrets, trustedBrowsers, passkeyChallenges, emailCodes, emailLinks];
  for (const table of held) {
    await tx.delete(table).where(eq(table.accountId, accountId));
  }
}
