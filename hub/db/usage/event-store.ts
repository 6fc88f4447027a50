// What happened to servers arrives and leaves as rows, renames among them; so does what their agents said of themselves. Implements EventStore of hub/usage/events.ts.

import type { EventStore } from '../../usage/events.ts';
import type { AgentFacts, ServerEvent, ServerEventKind } from '../../usage/usage.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { labelChanges } from '../schema.ts';
import { serverAgents, serverEvents } from '../usage-tables.ts';

export class PostgresEventStore implements EventStore {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async add(events: readonly ServerEvent[]): Promise<void> {
    // The others first: one of them may be why a server is news again.
    await this.#insert(events.filter(({ kind }) => kind !== 'connected'));
    await this.#insert(
      events.filter(({ kind }) => kind === 'connected'),
      isNews,
    );
  }

  async #insert(events: readonly ServerEvent[], condition = sql`true`): Promise<void> {
    if (events.length === 0) return;
    const column = (of: (event: ServerEvent) => string) => sql.param(events.map(of));
    await this.#queries.execute(sql`
      INSERT INTO ${serverEvents} (id, server_id, at, kind, detail)
      SELECT * FROM unnest(
        ${column(({ id }) => id)}::uuid[],
        ${column(({ serverId }) => serverId)}::uuid[],
        ${column(({ at }) => at.toISOString())}::timestamptz[],
        ${column(({ kind }) => kind)}::text[],
        ${column(({ detail }) => JSON.stringify(detail))}::jsonb[]
      ) AS event (id, server_id, at, kind, detail)
      WHERE ${condition}
      ON CONFLICT (id) DO NOTHING`);
  }

  async list(
    serverId: string,
    { limit, before }: { limit: number; before?: string },
  ): Promise<ServerEvent[]> {
    const isBefore = before === undefined ? sql`` : sql`AND id < ${before}::uuid`;
    const { rows } = await this.#queries.execute<EventRow>(sql`
      (SELECT id, at, kind, detail FROM ${serverEvents}
        WHERE server_id = ${serverId}::uuid ${isBefore} ORDER BY id DESC LIMIT ${limit})
      UNION ALL
      (SELECT id, changed_at, 'renamed',
        jsonb_strip_nulls(jsonb_build_object('from', from_label, 'to', to_label))
        FROM ${labelChanges}
        WHERE server_id = ${serverId}::uuid ${isBefore} ORDER BY id DESC LIMIT ${limit})
      ORDER BY id DESC LIMIT ${limit}`);
    return rows.map(({ id, at, kind, detail }) => ({
      id,
      serverId,
      at: new Date(at),
      kind,
      detail,
    }));
  }

  async noteAgent(
    serverId: string,
    { software, connectedAt }: AgentFacts,
  ): Promise<string | undefined> {
    const { rows } = await this.#queries.execute<{ former: string | null }>(sql`
      WITH former AS (SELECT software FROM ${serverAgents} WHERE server_id = ${serverId}::uuid)
      INSERT INTO ${serverAgents} (server_id, software, connected_at)
      VALUES (${serverId}::uuid, ${software}, ${connectedAt.toISOString()}::timestamptz)
      ON CONFLICT (server_id) DO UPDATE SET
        software = excluded.software, connected_at = excluded.connected_at
      RETURNING (SELECT software FROM former) AS former`);
    const former = rows[0]?.former ?? undefined;
    return former === software ? undefined : former;
  }

  async agents(serverIds: readonly string[]): Promise<ReadonlyMap<string, AgentFacts>> {
    const { rows } = await this.#queries.execute<AgentRow>(sql`
      SELECT server_id AS id, software, connected_at AS at FROM ${serverAgents}
      WHERE server_id = ANY(${sql.param(serverIds)}::uuid[])`);
    return new Map(
      rows.map(({ id, software, at }) => [id, { software, connectedAt: new Date(at) }]),
    );
  }

  async forget(before: Date): Promise<void> {
    await this.#queries.execute(sql`
      DELETE FROM ${serverEvents} WHERE at < ${before.toISOString()}::timestamptz`);
  }
}

/** A server that was connected and is so again, because its hub was replaced or killed, is none. */
const isNews = sql`(
  SELECT former.kind FROM ${serverEvents} AS former
  WHERE former.server_id = event.server_id AND former.kind IN ('connected', 'disconnected')
  ORDER BY former.id DESC LIMIT 1
) IS DISTINCT FROM 'connected'`;

interface EventRow extends Record<string, unknown> {
  readonly id: string;
  readonly at: string;
  readonly kind: ServerEventKind;
  readonly detail: Readonly<Record<string, string>>;
}

interface AgentRow extends Record<string, unknown> {
  readonly id: string;
  readonly software: string;
  readonly at: string;
}
