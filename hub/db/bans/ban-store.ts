// Bans arrive and leave as rows; every process hears of a change. Implements the port of hub/access/bans/ban.ts.

import type { Ban, BanStore } from '../../access/bans/ban.ts';
import { bans } from '../audit-tables.ts';
import type { ChangeListener } from '../change-listener.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, lt, sql } from '../drizzle.ts';
import { inTransaction, type Transaction } from '../transaction.ts';

const channel = 'hub_bans';

export class PostgresBanStore implements BanStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor(database: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = database.queries;
    this.#changes = database.changes;
  }

  async put(ban: Ban): Promise<void> {
    const row = rowOf(ban);
    await this.#change(async (tx) =>
      tx.insert(bans).values(row).onConflictDoUpdate({ target: bans.network, set: row }),
    );
  }

  async putUnlessOperators(ban: Ban): Promise<boolean> {
    const row = rowOf(ban);
    const isGuards = sql`${bans.origin} = 'guard' OR ${bans.until} < ${ban.createdAt.toISOString()}`;
    const { rowCount } = await this.#change(async (tx) =>
      tx
        .insert(bans)
        .values(row)
        .onConflictDoUpdate({ target: bans.network, set: row, setWhere: isGuards }),
    );
    return (rowCount ?? 0) > 0;
  }

  async remove(which: { id: string } | { network: string }): Promise<Ban | undefined> {
    const wanted =
      'id' in which ? eq(bans.id, which.id.toLowerCase()) : eq(bans.network, which.network);
    const [row] = await this.#change(async (tx) => tx.delete(bans).where(wanted).returning());
    return row && banOf(row);
  }

  async list(): Promise<Ban[]> {
    return (await this.#queries.select().from(bans)).map(banOf);
  }

  async sweep(now: Date, mostOfGuard: number): Promise<Ban[]> {
    const over = await this.#queries.delete(bans).where(lt(bans.until, now)).returning();
    const surplus = sql`${bans.id} IN (
      SELECT id FROM bans WHERE origin = 'guard' ORDER BY until DESC OFFSET ${mostOfGuard})`;
    await this.#queries.delete(bans).where(and(eq(bans.origin, 'guard'), surplus));
    return over.map(banOf);
  }

  async onChange(callback: () => void): Promise<() => void> {
    return this.#changes.listen(channel, callback);
  }

  async #change<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return inTransaction(this.#queries, async (tx) => {
      const result = await work(tx);
      await tx.execute(sql`SELECT pg_notify(${channel}, '')`);
      return result;
    });
  }
}

type Row = typeof bans.$inferSelect;

function rowOf({ by, until, ...ban }: Ban): Row {
  return { ...ban, bannedBy: by, until: until ?? null };
}

function banOf({ bannedBy, until, ...row }: Row): Ban {
  return { ...row, by: bannedBy, until: until ?? undefined };
}
