// What is known of servers that are away, and what somebody was told already, arrives and leaves as rows; of several processes one may tell. Implements two ports of hub/notices/watch.

import type { OnceStore } from '../../notices/watch/certificate-watch.ts';
import {
  defaultOfflineMinutes,
  type ServerAlert,
  type ServerAlertStore,
} from '../../notices/watch/offline-watch.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, isNotNull, isNull, lt, sql } from '../drizzle.ts';
import { serverAlerts, toldNotices } from '../notice-tables.ts';
import { inTransaction } from '../transaction.ts';

export class PostgresServerAlertStore implements ServerAlertStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async list(): Promise<ReadonlyMap<string, ServerAlert>> {
    const rows = await this.#queries.select().from(serverAlerts);
    return new Map(rows.map((row) => [row.serverId, alertOf(row)]));
  }

  async find(serverId: string): Promise<ServerAlert> {
    const [row] = await this.#queries
      .select()
      .from(serverAlerts)
      .where(eq(serverAlerts.serverId, serverId));
    return alertOf(row ?? { ...untouched, serverId });
  }

  async choose(serverId: string, offlineMinutes: number | undefined): Promise<void> {
    const chosen = { offlineMinutes: offlineMinutes ?? null };
    await this.#queries
      .insert(serverAlerts)
      .values({ ...untouched, serverId, ...chosen })
      .onConflictDoUpdate({ target: serverAlerts.serverId, set: chosen });
  }

  async noteOffline(serverId: string, since: Date): Promise<void> {
    await this.#queries
      .insert(serverAlerts)
      .values({ ...untouched, serverId, offlineSince: since })
      .onConflictDoUpdate({
        target: serverAlerts.serverId,
        set: { offlineSince: since },
        setWhere: isNull(serverAlerts.offlineSince),
      });
  }

  async claimTelling(serverId: string, at: Date): Promise<boolean> {
    const rows = await this.#queries
      .update(serverAlerts)
      .set({ toldAt: at })
      .where(
        and(
          eq(serverAlerts.serverId, serverId),
          isNull(serverAlerts.toldAt),
          isNotNull(serverAlerts.offlineSince),
        ),
      )
      .returning({ serverId: serverAlerts.serverId });
    return rows.length > 0;
  }

  async clear(serverId: string): Promise<{ offlineSince: Date; wasTold: boolean } | undefined> {
    return inTransaction(this.#queries, async (tx) => {
      const isAway = and(eq(serverAlerts.serverId, serverId), isNotNull(serverAlerts.offlineSince));
      const [row] = await tx.select().from(serverAlerts).where(isAway).for('update');
      if (row === undefined || row.offlineSince === null) return undefined;
      await tx.update(serverAlerts).set({ offlineSince: null, toldAt: null }).where(isAway);
      return { offlineSince: row.offlineSince, wasTold: row.toldAt !== null };
    });
  }
}

export class PostgresOnceStore implements OnceStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async claim(key: string, at: Date, everyMs: number): Promise<boolean> {
    const before = new Date(at.getTime() - everyMs);
    const rows = await this.#queries
      .insert(toldNotices)
      .values({ key, toldAt: at })
      .onConflictDoUpdate({
        target: toldNotices.key,
        set: { toldAt: at },
        setWhere: sql`${toldNotices.toldAt} <= ${before}`,
      })
      .returning({ key: toldNotices.key });
    // What nobody has been told of for ten times as long is over.
    const forgotten = new Date(at.getTime() - 10 * everyMs);
    await this.#queries.delete(toldNotices).where(lt(toldNotices.toldAt, forgotten));
    return rows.length > 0;
  }
}

const untouched = { offlineMinutes: defaultOfflineMinutes, offlineSince: null, toldAt: null };

function alertOf(row: typeof serverAlerts.$inferSelect): ServerAlert {
  return {
    serverId: row.serverId,
    offlineMinutes: row.offlineMinutes ?? undefined,
    offlineSince: row.offlineSince ?? undefined,
    toldAt: row.toldAt ?? undefined,
  };
}
