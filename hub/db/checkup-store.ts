// What agents found arrives and leaves as rows, the newest of each part of a server. Implements CheckupStore of hub/tunnels/checkup.ts.

import type { Checkup, CheckupStore, Kept } from '../tunnels/checkup.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { and, eq, isNull, sql } from './drizzle.ts';
import { agents, serverFindings } from './schema.ts';
import { inTransaction } from './transaction.ts';

/** Apart from that of servers: of what they are, many rooms look through everything anew. */
const channel = 'phlix_checkups';

export class PostgresCheckupStore implements CheckupStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor({ queries, changes }: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = queries;
    this.#changes = changes;
  }

  async keep(agentId: string, { part, lookedAt, findings }: Checkup): Promise<Kept | undefined> {
    return inTransaction(this.#queries, async (tx) => {
      // Held until the end: whoever revokes it waits, and then finds what has to go with it.
      const [agent] = await tx
        .select({ serverId: agents.serverId })
        .from(agents)
        .where(and(eq(agents.agentId, agentId), isNull(agents.revokedAt)))
        .for('share');
      if (agent === undefined) return undefined;
      const { serverId } = agent;
      const news = { lookedAt, findings };
      const { rowCount } = await tx
        .insert(serverFindings)
        .values({ serverId, part, ...news })
        .onConflictDoUpdate({
          target: [serverFindings.serverId, serverFindings.part],
          set: news,
          // Two processes may tell in either order.
          setWhere: sql`${serverFindings.lookedAt} <= ${lookedAt.toISOString()}::timestamptz`,
        });
      if (rowCount === 1) await tx.execute(sql`SELECT pg_notify(${channel}, ${serverId})`);
      const [line] = await tx
        .select({ lookedAt: serverFindings.lookedAt })
        .from(serverFindings)
        .where(and(eq(serverFindings.serverId, serverId), eq(serverFindings.part, 'line')));
      return { lineLookedAt: line?.lookedAt };
    });
  }

  async list(serverId: string): Promise<Checkup[]> {
    return this.#queries
      .select({
        part: serverFindings.part,
        lookedAt: serverFindings.lookedAt,
        findings: serverFindings.findings,
      })
      .from(serverFindings)
      .where(eq(serverFindings.serverId, serverId))
      .orderBy(serverFindings.part);
  }

  async watch(onKept: (serverId: string | undefined) => void): Promise<() => void> {
    return this.#changes.listen(channel, onKept);
  }
}
