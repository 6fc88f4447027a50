// Points of link charts arrive, a row for each server and minute; charts leave, and old minutes become means. Implements LinkSampleStore of hub/usage/link-chart.ts.

import type { LinkSampleStore } from '../../usage/link-chart.ts';
import type { ChartSpan, LinkSample } from '../../usage/usage.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { inTransaction } from '../transaction.ts';
import { linkMeans, linkSamples } from '../usage-tables.ts';

const tenSecondsMs = 10_000;
const fiveMinutesMs = 300_000;
/** The chart of the last hour, and as much as may lie between two tidyings. */
const minutesKeptMs = 75 * 60_000;
const meansKeptMs = 25 * 3_600_000;

export class PostgresLinkSampleStore implements LinkSampleStore {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async add(
    writer: string,
    minute: Date,
    samples: ReadonlyMap<string, readonly LinkSample[]>,
  ): Promise<void> {
    const servers = [...samples];
    // Arrays of one row as text: PostgreSQL has no arrays of arrays of several lengths.
    const column = (of: (sample: LinkSample) => number | undefined) =>
      sql.param(servers.map(([, points]) => `{${points.map((p) => of(p) ?? 'NULL').join(',')}}`));
    await this.#queries.execute(sql`
      INSERT INTO ${linkSamples}
        (server_id, minute, writer, tens, rtt_ms, queue_ms, bits_up, bits_down)
      SELECT server_id, ${minute.toISOString()}::timestamptz, ${writer}::uuid,
        tens::smallint[], rtt::real[], queue::real[], up::bigint[], down::bigint[]
      FROM unnest(
        ${sql.param(servers.map(([id]) => id))}::uuid[],
        ${column(({ at }) => Math.round((at.getTime() - minute.getTime()) / tenSecondsMs))}::text[],
        ${column(({ rttMs }) => rttMs)}::text[],
        ${column(({ queueMs }) => queueMs)}::text[],
        ${column(({ bitsPerSecondUp }) => bitsPerSecondUp)}::text[],
        ${column(({ bitsPerSecondDown }) => bitsPerSecondDown)}::text[]
      ) AS row (server_id, tens, rtt, queue, up, down)
      ON CONFLICT (server_id, minute, writer) DO NOTHING`);
  }

  async read(serverId: string, span: ChartSpan, since: Date): Promise<LinkSample[]> {
    const minutes = sql`
      SELECT * FROM ${linkSamples} WHERE server_id = ${serverId}::uuid
        AND minute >= ${since.toISOString()}::timestamptz`;
    const chart =
      span === 'hour'
        ? sql`SELECT at, rtt, queue, up, down FROM (${pointsOf(minutes)}) AS points
            WHERE at >= ${since.toISOString()}::timestamptz`
        : sql`SELECT at, rtt_ms AS rtt, queue_ms AS queue, bits_up AS up, bits_down AS down
            FROM ${linkMeans} WHERE server_id = ${serverId}::uuid
              AND at >= ${since.toISOString()}::timestamptz
            UNION ALL SELECT at, rtt, queue, up, down FROM (${meansOf(minutes)}) AS means`;
    const { rows } = await this.#queries.execute<PointRow>(sql`
      SELECT at, rtt::float8, queue::float8, up::float8, down::float8 FROM (${chart}) AS chart
      ORDER BY at`);
    return rows.map(({ at, rtt, queue, up, down }) => ({
      at: new Date(at),
      rttMs: rtt ?? undefined,
      queueMs: queue ?? undefined,
      bitsPerSecondUp: up,
      bitsPerSecondDown: down,
    }));
  }

  /** Whole spans of five minutes only, so that no mean is made twice. Several processes may do it at once. */
  async condense(now: Date): Promise<void> {
    const limitMs = Math.floor((now.getTime() - minutesKeptMs) / fiveMinutesMs) * fiveMinutesMs;
    const until = new Date(limitMs).toISOString();
    const tooOld = new Date(now.getTime() - meansKeptMs).toISOString();
    await inTransaction(this.#queries, async (tx) => {
      await tx.execute(sql`
        WITH gone AS (
          DELETE FROM ${linkSamples} WHERE minute < ${until}::timestamptz RETURNING *
        )
        INSERT INTO ${linkMeans} (server_id, at, rtt_ms, queue_ms, bits_up, bits_down)
        SELECT * FROM (${meansOf(sql`SELECT * FROM gone`)}) AS means
        ON CONFLICT (server_id, at) DO NOTHING`);
      await tx.execute(sql`DELETE FROM ${linkMeans} WHERE at < ${tooOld}::timestamptz`);
    });
  }
}

interface PointRow extends Record<string, unknown> {
  readonly at: string;
  readonly rtt: number | null;
  readonly queue: number | null;
  readonly up: number;
  readonly down: number;
}

type Rows = ReturnType<typeof sql>;

/** Of a server with links to two processes the better delay counts, and both throughputs. */
function pointsOf(minutes: Rows): Rows {
  return sql`
    SELECT server_id, minute + ten * interval '10 s' AS at,
      min(point_rtt) AS rtt, max(point_queue) AS queue, sum(point_up) AS up, sum(point_down) AS down
    FROM (${minutes}) AS minutes,
      unnest(tens, rtt_ms, queue_ms, bits_up, bits_down)
        AS point (ten, point_rtt, point_queue, point_up, point_down)
    GROUP BY 1, 2`;
}

function meansOf(minutes: Rows): Rows {
  return sql`
    SELECT server_id, date_bin('5 minutes', at, timestamptz '2000-01-01Z') AS at,
      avg(rtt)::real AS rtt, avg(queue)::real AS queue, avg(up)::bigint AS up, avg(down)::bigint AS down
    FROM (${pointsOf(minutes)}) AS points GROUP BY 1, 2`;
}
