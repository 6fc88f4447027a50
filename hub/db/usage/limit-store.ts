// Limits of servers and accounts arrive and leave as rows, with the bytes that count towards them. Implements LimitStore of hub/usage/limit-book.ts.

import type { LimitEntry, LimitStore } from '../../usage/limit-book.ts';
import type { LimitScope, LimitSubject, TrafficLimits } from '../../usage/limits.ts';
import type { ChangeListener } from '../change-listener.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { inTransaction } from '../transaction.ts';
import { traffic, trafficLimits } from '../usage-tables.ts';

const channel = 'phlix_traffic_limits';

export class PostgresLimitStore implements LimitStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor({ queries, changes }: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = queries;
    this.#changes = changes;
  }

  async list(): Promise<readonly LimitEntry[]> {
    const { rows } = await this.#queries.execute<LimitRow>(sql`
      SELECT scope, subject_id AS id, bytes_per_month::float8 AS bytes,
        megabits_per_second AS megabits, streams
      FROM ${trafficLimits}`);
    return rows.map(({ scope, id, bytes, megabits, streams }) => ({
      subject: { scope, id },
      limits: {
        ...(bytes !== null && { bytesPerMonth: bytes }),
        ...(megabits !== null && { megabitsPerSecond: megabits }),
        ...(streams !== null && { streams }),
      },
    }));
  }

  async set({ scope, id }: LimitSubject, limits: TrafficLimits | undefined): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      if (limits === undefined) {
        await tx.execute(
          sql`DELETE FROM ${trafficLimits} WHERE scope = ${scope} AND subject_id = ${id}`,
        );
      } else {
        const { bytesPerMonth = null, megabitsPerSecond = null, streams = null } = limits;
        await tx.execute(sql`
          INSERT INTO ${trafficLimits} (scope, subject_id, bytes_per_month, megabits_per_second, streams)
          VALUES (${scope}, ${id}, ${bytesPerMonth}, ${megabitsPerSecond}, ${streams})
          ON CONFLICT (scope, subject_id) DO UPDATE SET
            bytes_per_month = excluded.bytes_per_month,
            megabits_per_second = excluded.megabits_per_second,
            streams = excluded.streams`);
      }
      await tx.execute(sql`SELECT pg_notify(${channel}, '')`);
    });
  }

  async bytesSince(subjects: readonly LimitSubject[], since: Date): Promise<number[]> {
    const { rows } = await this.#queries.execute<{ bytes: number }>(sql`
      SELECT coalesce((
        SELECT sum(bytes_up + bytes_down) FROM ${traffic}
        WHERE grain = 'day' AND scope = 'account' AND owner_id = subject_id
          AND at >= ${since.toISOString()}::timestamptz
      ), (
        SELECT sum(bytes_up + bytes_down) FROM ${traffic}
        WHERE grain = 'day' AND scope = 'server'
          AND server_id = CASE WHEN scope = 'server' THEN subject_id::uuid END
          AND at >= ${since.toISOString()}::timestamptz
      ), 0)::float8 AS bytes
      FROM unnest(
        ${sql.param(subjects.map(({ scope }) => scope))}::text[],
        ${sql.param(subjects.map(({ id }) => id))}::text[]
      ) WITH ORDINALITY AS subject (scope, subject_id, place)
      ORDER BY place`);
    return rows.map(({ bytes }) => bytes);
  }

  async watch(onChange: () => void): Promise<() => void> {
    return this.#changes.listen(channel, onChange);
  }
}

interface LimitRow extends Record<string, unknown> {
  readonly scope: LimitScope;
  readonly id: string;
  readonly bytes: number | null;
  readonly megabits: number | null;
  readonly streams: number | null;
}
