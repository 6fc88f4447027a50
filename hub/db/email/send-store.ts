// Wishes for letters arrive; they are counted as rows, by whom they are for and by who asks. Implements the port of hub/accounts/email/sends.ts.

import { randomUUIDv7 } from 'node:crypto';

import type { SendRule } from '../../accounts/email/limits.ts';
import type { Send, SendStore } from '../../accounts/email/sends.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, gt, lt, sql } from '../drizzle.ts';
import { emailSends } from '../factor-tables.ts';
import { inTransaction, type Transaction } from '../transaction.ts';

export class PostgresSendStore implements SendStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async note(send: Send, rules: { account: SendRule; address: SendRule }): Promise<number> {
    const { purpose, accountId, askedFrom, at } = send;
    const { account, address } = rules;
    const longestMs = Math.max(account.windowMs, address.windowMs);
    return inTransaction(this.#queries, async (tx) => {
      // Always in this order, so that two never wait for each other.
      const waits: number[] = [];
      if (accountId !== undefined) {
        await lock(tx, `letters ${purpose} to ${accountId}`);
        waits.push(await waitMs(tx, send, account, eq(emailSends.accountId, accountId)));
      }
      if (askedFrom !== undefined) {
        await lock(tx, `letters ${purpose} from ${askedFrom}`);
        waits.push(await waitMs(tx, send, address, eq(emailSends.askedFrom, askedFrom)));
      }
      const longest = Math.max(0, ...waits);
      if (longest > 0) return longest;
      await tx.delete(emailSends).where(lt(emailSends.sentAt, before(at, longestMs)));
      const row = { id: randomUUIDv7(), purpose, accountId, askedFrom, sentAt: at };
      await tx.insert(emailSends).values(row);
      return 0;
    });
  }
}

/** Until the transaction ends nobody else counts for the same account, or the same address. */
async function lock(tx: Transaction, name: string): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

async function waitMs(
  tx: Transaction,
  { purpose, at }: Send,
  { most, windowMs }: SendRule,
  isMeant: ReturnType<typeof eq>,
): Promise<number> {
  const [last] = await tx
    .select({ sentAt: emailSends.sentAt })
    .from(emailSends)
    .where(
      and(isMeant, eq(emailSends.purpose, purpose), gt(emailSends.sentAt, before(at, windowMs))),
    )
    .orderBy(desc(emailSends.sentAt))
    .offset(most - 1)
    .limit(1);
  return last === undefined ? 0 : Math.max(1, last.sentAt.getTime() + windowMs - at.getTime());
}

function before(at: Date, ms: number): Date {
  return new Date(at.getTime() - ms);
}
