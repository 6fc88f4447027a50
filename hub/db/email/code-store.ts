// HMACs of codes that were mailed arrive and leave as rows, each of use once and for a few tries. Implements a port of hub/accounts/email/codes.ts.

import type { EmailCode, EmailCodeStore } from '../../accounts/email/codes.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, isNull, lt, sql } from '../drizzle.ts';
import { emailCodes } from '../factor-tables.ts';

export class PostgresEmailCodeStore implements EmailCodeStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async put(code: EmailCode): Promise<void> {
    await this.#queries.delete(emailCodes).where(lt(emailCodes.expiresAt, code.sentAt));
    const fresh = { ...code, tries: 0, usedAt: null };
    await this.#queries
      .insert(emailCodes)
      .values(fresh)
      .onConflictDoUpdate({ target: [emailCodes.accountId, emailCodes.binding], set: fresh });
  }

  /** Of several at once each waits for the one before, and looks again at what that has left. */
  async use(
    { accountId, binding, mac }: Pick<EmailCode, 'accountId' | 'binding' | 'mac'>,
    at: Date,
    tries: number,
  ): Promise<boolean> {
    const isRight = sql<boolean>`${emailCodes.mac} = ${mac}`;
    const used = await this.#queries
      .update(emailCodes)
      .set({
        tries: sql`${emailCodes.tries} + 1`,
        usedAt: sql`CASE WHEN ${isRight} THEN ${at}::timestamptz END`,
      })
      .where(
        and(
          eq(emailCodes.accountId, accountId),
          eq(emailCodes.binding, binding),
          isNull(emailCodes.usedAt),
          gt(emailCodes.expiresAt, at),
          lt(emailCodes.tries, tries),
        ),
      )
      .returning({ isRight });
    return used[0]?.isRight === true;
  }
}
