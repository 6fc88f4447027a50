// What an account has to prove itself with is counted here, and taken away at once. Implements the ports of hub/accounts/factors/factors.ts and resets.ts.

import { AccountError } from '../../accounts/account-error.ts';
import type { Holdings, HoldingsStore } from '../../accounts/factors/factors.ts';
import type { Lockout, ResetStore } from '../../accounts/factors/resets.ts';
import { lockStandings } from '../accounts/account-rows.ts';
import type { Database, Queries } from '../connect.ts';
import { eq, sql } from '../drizzle.ts';
import { factorStandings, recoveryCodes } from '../factor-tables.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { countRecoveryCodes, lockFactors, removeHeld } from './factor-rows.ts';

export class PostgresStandingStore implements HoldingsStore, ResetStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  /** One statement: what it tells was true at one moment. */
  async holdingsOf(accountId: string): Promise<Holdings> {
    const { rows } = await this.#queries.execute<HoldingsRow>(sql`
      SELECT
        (SELECT count(*)::int FROM passkeys WHERE account_id = ${accountId}) AS passkeys,
        EXISTS (SELECT FROM totp_secrets
          WHERE account_id = ${accountId} AND confirmed_at IS NOT NULL) AS has_totp,
        (SELECT count(*)::int FROM recovery_codes
          WHERE account_id = ${accountId} AND used_at IS NULL) AS recovery_codes,
        EXISTS (SELECT FROM factor_standings
          WHERE account_id = ${accountId} AND locked_at IS NOT NULL) AS is_locked,
        EXISTS (SELECT FROM factor_standings
          WHERE account_id = ${accountId} AND reset_at IS NOT NULL) AS must_enrol`);
    const [row] = rows;
    return {
      passkeys: row?.passkeys ?? 0,
      hasTotp: row?.has_totp ?? false,
      recoveryCodesLeft: row?.recovery_codes ?? 0,
      isLocked: row?.is_locked ?? false,
      mustEnrol: row?.must_enrol ?? false,
    };
  }

  async lock(accountId: string, at: Date): Promise<Lockout> {
    return inTransaction(this.#queries, async (tx) => {
      await lockStandings(tx);
      await lockFactors(tx, accountId);
      const recoveryCodesLeft = await countRecoveryCodes(tx, accountId);
      if (recoveryCodesLeft === 0 && (await isLastWayIn(tx, accountId))) throw lastWayIn();
      await removeHeld(tx, accountId);
      await tx
        .insert(factorStandings)
        .values({ accountId, lockedAt: at })
        .onConflictDoUpdate({ target: factorStandings.accountId, set: { lockedAt: at } });
      return { recoveryCodesLeft };
    });
  }

  async isLastAdmin(accountId: string): Promise<boolean> {
    const { rows } = await this.#queries.execute<{ is_last: boolean }>(sql`
      SELECT coalesce(bool_and(id = ${accountId}), false) AS is_last FROM accounts
      WHERE role = 'admin' AND state = 'active'`);
    return rows[0]?.is_last ?? false;
  }

  async reset(accountId: string, at: Date): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      await lockFactors(tx, accountId);
      await removeHeld(tx, accountId);
      await tx.delete(recoveryCodes).where(eq(recoveryCodes.accountId, accountId));
      const standing = { lockedAt: null, resetAt: at };
      await tx
        .insert(factorStandings)
        .values({ accountId, ...standing })
        .onConflictDoUpdate({ target: factorStandings.accountId, set: standing });
    });
  }
}

/** Whether every other admin is suspended, or locked without a recovery code. */
async function isLastWayIn(tx: Transaction, accountId: string): Promise<boolean> {
  const { rows } = await tx.execute<{ is_last: boolean }>(sql`
    SELECT coalesce(bool_and(id = ${accountId}), false) AS is_last FROM accounts
    WHERE role = 'admin' AND state = 'active' AND (
      NOT EXISTS (SELECT FROM factor_standings s
        WHERE s.account_id = accounts.id AND s.locked_at IS NOT NULL)
      OR EXISTS (SELECT FROM recovery_codes r
        WHERE r.account_id = accounts.id AND r.used_at IS NULL))`);
  return rows[0]?.is_last ?? false;
}

function lastWayIn(): AccountError {
  return new AccountError(
    'account.last-admin',
    'you are the only admin who can come in, and you have no recovery code: nobody could open this account again. Make recovery codes first, or take its factors and logins away on the host with phlix-hub user reset-mfa',
  );
}

interface HoldingsRow extends Record<string, unknown> {
  readonly passkeys: number;
  readonly has_totp: boolean;
  readonly recovery_codes: number;
  readonly is_locked: boolean;
  readonly must_enrol: boolean;
}
