// What agents found arrives and leaves as rows, the newest of each part of a server. Implements CheckupStore of hub/tunnels/checkup.ts.

import type { Checkup, CheckupStore } from '../tunnels/checkup.ts';
import type { Database, Queries } from './connect.ts';
import { and, eq, isNull, sql } from './drizzle.ts';
import { announceServer } from './label-claims.ts';
import { agents, serverFindings } from './schema.ts';
import { inTransaction } from './transaction.ts';

export class PostgresCheckupStore implements CheckupStore {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async keep(agentId: string, { part, lookedAt, findings }: Checkup): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      // Held until the end: whoever revokes it waits, and then finds what has to go with it.
      const [agent] = await tx
        .select({ serverId: agents.serverId })
        .from(agents)
        .where(and(eq(agents.agentId, agentId), isNull(agents.revokedAt)))
        .for('share');
      if (agent === undefined) return false;
      const { serverId } = agent;
      const news = { lookedAt, findings };
      await tx
        .insert(serverFindings)
        .values({ serverId, part, ...news })
        .onConflictDoUpdate({
          target: [serverFindings.serverId, serverFindings.part],
          set: news,
          // Two processes may tell in either order.
          setWhere: sql`${serverFindings.lookedAt} <= ${lookedAt.toISOString()}::timestamptz`,
        });
      await announceServer(tx, serverId);
      return true;
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
}
