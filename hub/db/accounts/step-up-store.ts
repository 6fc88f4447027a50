// Questions for a further proof arrive and leave as rows, each proof spent once. Implements the port of hub/accounts/step-up/step-up.ts.

import type { Buffer } from 'node:buffer';

import type { Challenge, StepUpStore } from '../../accounts/step-up/step-up.ts';
import { stepUps } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, lt, sql } from '../drizzle.ts';
import { isUuid } from '../uuid.ts';

/** Open questions of one login: a page asks one at a time. */
const mostOfLogin = 20;

export class PostgresStepUpStore implements StepUpStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(challenge: Challenge, now: Date): Promise<void> {
    await this.#queries.delete(stepUps).where(lt(stepUps.expiresAt, now));
    await this.#queries.insert(stepUps).values(challenge);
    await this.#queries.execute(sql`
      DELETE FROM step_ups WHERE id IN (
        SELECT id FROM step_ups WHERE login_id = ${challenge.loginId}::uuid
        ORDER BY expires_at DESC, id DESC OFFSET ${mostOfLogin})`);
  }

  async find(id: string): Promise<Challenge | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#queries
      .select(challengeColumns)
      .from(stepUps)
      .where(eq(stepUps.id, id));
    return row;
  }

  async prove(id: string, proofHash: Buffer | undefined): Promise<boolean> {
    const proven = await this.#queries
      .update(stepUps)
      .set({ isProven: true, proofHash: proofHash ?? null })
      .where(and(eq(stepUps.id, id), eq(stepUps.isProven, false)));
    return proven.rowCount === 1;
  }

  async spend(
    proofHash: Buffer,
    {
      loginId,
      action,
      target,
      now,
    }: { loginId: string; action: string; target: string; now: Date },
  ): Promise<boolean> {
    const spent = await this.#queries
      .delete(stepUps)
      .where(
        and(
          eq(stepUps.proofHash, proofHash),
          eq(stepUps.loginId, loginId),
          eq(stepUps.action, action),
          eq(stepUps.target, target),
          gt(stepUps.expiresAt, now),
        ),
      );
    return spent.rowCount === 1;
  }
}

const challengeColumns = {
  id: stepUps.id,
  loginId: stepUps.loginId,
  level: stepUps.level,
  action: stepUps.action,
  target: stepUps.target,
  expiresAt: stepUps.expiresAt,
  isProven: stepUps.isProven,
};
