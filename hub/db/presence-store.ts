// Who is connected to which run of a hub arrives and leaves as rows; rows of a run that is over are not believed. Implements hub/tunnels/presence.ts.

import { and, eq, sql } from './drizzle.ts';
import {
  lostAfterMs,
  type HubRun,
  type Presence,
  type PresenceStore,
} from '../tunnels/presence.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { hubRunId, hubRuns, presences } from './schema.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresPresenceStore implements PresenceStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor(database: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = database.queries;
    this.#changes = database.changes;
  }

  async begin(): Promise<HubRun> {
    const { rows } = await this.#queries.execute<{ id: number }>(
      sql`SELECT nextval(${hubRunId.seqName}::regclass)::integer AS id`,
    );
    const id = rows[0]?.id ?? 0;
    // Before the row: from its first moment it is that of a living run.
    await this.#changes.hold({ space: lockSpace, key: id });
    await inTransaction(this.#queries, async (tx) => {
      await buryDead(tx);
      await insertRun(tx, id);
    });
    return new PostgresHubRun(this.#queries, id);
  }

  async list(): Promise<ReadonlyMap<string, Presence>> {
    const rows = await this.#queries
      .select({
        serverId: presences.serverId,
        since: presences.since,
        beatAt: hubRuns.beatAt,
        isAlive: sql<boolean>`${isHeld} AND ${hubRuns.beatAt} > now() - ${`${lostAfterMs} ms`}::interval`,
      })
      .from(presences)
      .innerJoin(hubRuns, eq(hubRuns.id, presences.runId));
    const found = new Map<string, Presence>();
    for (const { serverId, isAlive, since, beatAt } of rows) {
      const presence: Presence = isAlive
        ? { state: 'connected', since }
        : { state: 'lost', lastSeenAt: beatAt };
      found.set(serverId, better(found.get(serverId), presence));
    }
    return found;
  }
}

class PostgresHubRun implements HubRun {
  readonly #queries: Queries;
  readonly #id: number;
  /** What the rows say, by server id. Undefined after a failure, when nobody knows. */
  #told: ReadonlyMap<string, Date> | undefined;

  constructor(queries: Queries, id: number) {
    this.#queries = queries;
    this.#id = id;
  }

  async tell(connected: ReadonlyMap<string, Date>): Promise<void> {
    const now = new Map(connected);
    const told = this.#told;
    this.#told = undefined;
    await inTransaction(this.#queries, async (tx) => {
      // A sign of life that a power cut takes away is worth no wait for the disk, every few seconds.
      await tx.execute(sql`SET LOCAL synchronous_commit = off`);
      const isKnown = await this.#beat(tx);
      const before = isKnown ? told : undefined;
      await this.#remove(tx, before && [...before.keys()].filter((id) => !now.has(id)));
      await this.#insert(
        tx,
        [...now].filter(([id, since]) => before?.get(id) !== since),
      );
    });
    this.#told = now;
  }

  async end(): Promise<void> {
    await this.#queries.delete(hubRuns).where(eq(hubRuns.id, this.#id));
  }

  /** False: another hub buried this run while its connection was cut, and with it all that was told. */
  async #beat(tx: Transaction): Promise<boolean> {
    const run = eq(hubRuns.id, this.#id);
    const beaten = await tx
      .update(hubRuns)
      .set({ beatAt: sql`now()` })
      .where(run);
    if ((beaten.rowCount ?? 0) > 0) return true;
    await insertRun(tx, this.#id);
    return false;
  }

  /** Of `undefined`: all there are. */
  async #remove(tx: Transaction, ids: readonly string[] | undefined): Promise<void> {
    if (ids?.length === 0) return;
    const isGone = ids && sql`${presences.serverId} = ANY(${sql.param(ids)}::uuid[])`;
    await tx.delete(presences).where(and(eq(presences.runId, this.#id), isGone));
  }

  async #insert(tx: Transaction, entries: readonly (readonly [string, Date])[]): Promise<void> {
    if (entries.length === 0) return;
    const ids = sql.param(entries.map(([id]) => id));
    const instants = sql.param(entries.map(([, since]) => since.toISOString()));
    await tx.execute(sql`
      INSERT INTO presences (run_id, server_id, since)
      SELECT ${this.#id}::integer, * FROM unnest(${ids}::uuid[], ${instants}::timestamptz[])
      ON CONFLICT (run_id, server_id) DO UPDATE SET since = excluded.since`);
  }
}

/** Advisory locks of two numbers; this first one is ours: "runs" on a telephone's keys. */
const lockSpace = 7867;

/** Whether the process of `hub_runs.id` lives: the server takes its lock away together with its connection. */
const isHeld = sql`EXISTS (
  SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
  WHERE locktype = 'advisory' AND granted AND datname = current_database()
    AND classid = ${sql.raw(String(lockSpace))} AND objid = hub_runs.id::oid AND objsubid = 2)`;

async function insertRun(tx: Transaction, id: number): Promise<void> {
  const now = sql`now()`;
  await tx.insert(hubRuns).values({ id, startedAt: now, beatAt: now });
}

/** What dead runs knew last goes to the servers, then they go. */
async function buryDead(tx: Transaction): Promise<void> {
  await tx.execute(sql`
    UPDATE servers SET last_seen_at = GREATEST(last_seen_at, seen.at)
    FROM (
      SELECT server_id, max(beat_at) AS at
      FROM presences JOIN hub_runs ON hub_runs.id = run_id
      WHERE NOT ${isHeld} GROUP BY server_id
    ) AS seen
    WHERE servers.id = seen.server_id`);
  await tx.delete(hubRuns).where(sql`NOT ${isHeld}`);
}

/** With several hubs a server may be at two of them, or at one that lives and one that does not. */
function better(one: Presence | undefined, other: Presence): Presence {
  if (one === undefined || one.state !== other.state) {
    return one?.state === 'connected' ? one : other;
  }
  if (one.state === 'connected' && other.state === 'connected') {
    return one.since <= other.since ? one : other;
  }
  return one.state === 'lost' && other.state === 'lost' && one.lastSeenAt > other.lastSeenAt
    ? one
    : other;
}
