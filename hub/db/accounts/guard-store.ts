// Counts of failed sign-ins arrive and leave as rows, several of them changed as one. Implements the port of hub/accounts/login/guard.ts.

import { forgottenAt, type Count, type Rule } from '../../accounts/login/guard-count.ts';
import type { GuardStore } from '../../accounts/login/guard.ts';
import { loginFailures } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, count, desc, eq, gt, lt, or, sql } from '../drizzle.ts';
import { inTransaction, type Transaction } from '../transaction.ts';

type Changes = ReadonlyMap<string, { count: Count; rule: Rule } | undefined>;

export class PostgresGuardStore implements GuardStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(keys: readonly string[]): Promise<ReadonlyMap<string, Count>> {
    const rows = await this.#queries.select().from(loginFailures).where(isAmong(keys));
    return new Map(rows.map((row) => [row.key, countOf(row)]));
  }

  async change<Result>(
    keys: readonly string[],
    change: (counts: ReadonlyMap<string, Count>) => { counts: Changes; result: Result },
  ): Promise<Result> {
    return inTransaction(this.#queries, async (tx) => {
      const { counts, result } = change(await lock(tx, keys));
      for (const [key, kept] of counts) await save(tx, key, kept);
      return result;
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#queries.delete(loginFailures).where(isAmong(keys));
  }

  async sweep(now: Date, most: number): Promise<void> {
    await this.#queries.delete(loginFailures).where(lt(loginFailures.forgottenAt, now));
    const [kept] = await this.#queries.select({ rows: count() }).from(loginFailures);
    const excess = (kept?.rows ?? 0) - most;
    if (excess <= 0) return;
    await this.#queries.execute(sql`
      DELETE FROM login_failures WHERE key IN (
        SELECT key FROM login_failures WHERE until IS NULL OR until < ${now.toISOString()}::timestamptz
        ORDER BY failures, since LIMIT ${excess})`);
  }

  async listClosed(
    now: Date,
    { after, limit }: { after: { key: string; until: Date } | undefined; limit: number },
  ): Promise<{ key: string; count: Count }[]> {
    const isNext =
      after &&
      or(
        lt(loginFailures.until, after.until),
        and(eq(loginFailures.until, after.until), gt(loginFailures.key, after.key)),
      );
    const rows = await this.#queries
      .select()
      .from(loginFailures)
      .where(and(gt(loginFailures.until, now), isNext))
      .orderBy(desc(loginFailures.until), loginFailures.key)
      .limit(limit);
    return rows.map((row) => ({ key: row.key, count: countOf(row) }));
  }
}

function isAmong(keys: readonly string[]) {
  return sql`${loginFailures.key} = ANY(${sql.param([...keys])}::text[])`;
}

/** A row that is not there yet cannot be locked; a lock on its name can. In one order, so that nobody waits in a circle. */
async function lock(tx: Transaction, keys: readonly string[]): Promise<Map<string, Count>> {
  for (const key of keys.toSorted()) {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${lockSpace}, hashtext(${key}))`);
  }
  const rows = await tx.select().from(loginFailures).where(isAmong(keys));
  return new Map(rows.map((row) => [row.key, countOf(row)]));
}

/** As in migrate.ts any number will do: "guard" on a telephone's keys. */
const lockSpace = 48_273;

async function save(
  tx: Transaction,
  key: string,
  kept: { count: Count; rule: Rule } | undefined,
): Promise<void> {
  if (kept === undefined) {
    await tx.delete(loginFailures).where(and(eq(loginFailures.key, key)));
    return;
  }
  const columns = {
    ...kept.count,
    until: kept.count.until ?? null,
    forgottenAt: forgottenAt(kept.count, kept.rule),
  };
  await tx
    .insert(loginFailures)
    .values({ key, ...columns })
    .onConflictDoUpdate({ target: loginFailures.key, set: columns });
}

function countOf(row: typeof loginFailures.$inferSelect): Count {
  const { failures, since, dayFailures, daySince, until } = row;
  return { failures, since, dayFailures, daySince, until: until ?? undefined };
}
