// Batches of what servers moved arrive and are added to their hour and their day; sums leave. Implements TrafficStore of hub/usage/roll-up.ts.

import type { TrafficBatch, TrafficStore } from '../../usage/roll-up.ts';
import { operatorId } from '../../tunnels/token.ts';
import { statusClasses } from '../../usage/tally.ts';
import type { StatusClass, TrafficQuestion, TrafficRow } from '../../usage/usage.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { traffic, trafficWriters } from '../usage-tables.ts';

/** A process writes each minute while anything moves, and no batch is on its way for a day. */
const writerLife = '1 day';

export class PostgresTrafficStore implements TrafficStore {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async add(batch: TrafficBatch): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      if (!(await isNew(tx, batch))) return;
      await addTo(tx, 'hour', batch);
      await addTo(tx, 'day', batch);
    });
  }

  async read({ subject, by, from, to }: TrafficQuestion): Promise<TrafficRow[]> {
    const isAsked =
      subject.scope === 'server'
        ? sql`server_id = ${subject.id}::uuid`
        : sql`owner_id = ${subject.id}`;
    const { rows } = await this.#queries.execute<SumRow>(sql`
      SELECT at, sum(bytes_up)::float8 AS up, sum(bytes_down)::float8 AS down,
        ARRAY[${sql.join(
          statusClasses.map(
            (_, index) => sql`sum(requests[${sql.raw(String(index + 1))}])::float8`,
          ),
          sql`, `,
        )}] AS requests
      FROM ${traffic}
      WHERE grain = ${by} AND ${isAsked}
        AND at >= date_trunc(${by}, ${from.toISOString()}::timestamptz, 'UTC')
        AND at < ${to.toISOString()}::timestamptz
      GROUP BY at ORDER BY at`);
    return rows.map(({ at, up, down, requests }) => ({
      at: new Date(at),
      bytesUp: up,
      bytesDown: down,
      requests: byClass(requests),
    }));
  }

  async forget(before: Date): Promise<void> {
    const instant = before.toISOString();
    await this.#queries.execute(sql`DELETE FROM ${traffic} WHERE at < ${instant}::timestamptz`);
    // What was still counted when its account was deleted came behind it.
    await this.#queries.execute(sql`
      DELETE FROM ${traffic} WHERE owner_id NOT IN ('', ${operatorId})
        AND NOT EXISTS (SELECT FROM accounts WHERE accounts.owner_id = traffic.owner_id)`);
    await this.#queries.execute(sql`
      DELETE FROM ${trafficWriters} WHERE written_at < now() - ${writerLife}::interval`);
  }
}

interface SumRow extends Record<string, unknown> {
  readonly at: string;
  readonly up: number;
  readonly down: number;
  readonly requests: readonly number[];
}

/** False: this batch, or a later one, was added already. */
async function isNew(tx: Transaction, { writer, sequence }: TrafficBatch): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    INSERT INTO ${trafficWriters} (writer, sequence, written_at)
    VALUES (${writer}::uuid, ${sequence}, now())
    ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, written_at = excluded.written_at
    WHERE traffic_writers.sequence < excluded.sequence`);
  return (rowCount ?? 0) > 0;
}

async function addTo(tx: Transaction, grain: 'hour' | 'day', batch: TrafficBatch): Promise<void> {
  const { at } = batch;
  // Processes that add to the same rows take them in the same order, and none waits for the other in a circle.
  const portions = batch.portions.toSorted((one, other) =>
    one.serverId < other.serverId ? -1 : 1,
  );
  const column = <Value>(of: (portion: (typeof portions)[number]) => Value) =>
    sql.param(portions.map(of));
  await tx.execute(sql`
    INSERT INTO ${traffic} (grain, server_id, owner_id, at, bytes_up, bytes_down, requests)
    SELECT ${grain}, server_id, owner_id,
      date_trunc(${grain}, ${at.toISOString()}::timestamptz, 'UTC'), up, down,
      string_to_array(requests, ' ')::bigint[]
    FROM unnest(
      ${column(({ serverId }) => serverId)}::uuid[],
      ${column(({ ownerId }) => ownerId)}::text[],
      ${column(({ counted }) => counted.bytesUp)}::bigint[],
      ${column(({ counted }) => counted.bytesDown)}::bigint[],
      ${column(({ counted }) => counted.requests.join(' '))}::text[]
    ) AS portion (server_id, owner_id, up, down, requests)
    ON CONFLICT (grain, server_id, at, owner_id) DO UPDATE SET
      bytes_up = traffic.bytes_up + excluded.bytes_up,
      bytes_down = traffic.bytes_down + excluded.bytes_down,
      requests = ARRAY(
        SELECT before + added FROM unnest(traffic.requests, excluded.requests)
          WITH ORDINALITY AS counts (before, added, place) ORDER BY place
      )`);
}

function byClass(counts: readonly number[]): Record<StatusClass, number> {
  const entries = statusClasses.map((name, index) => [name, counts[index] ?? 0]);
  return Object.fromEntries(entries) as Record<StatusClass, number>;
}
