// Rows of three tables arrive; servers and agents as the domain knows them leave.

import type { SQL } from 'drizzle-orm';

import { alias, and, eq, isNull } from './drizzle.ts';
import type { AgentIdentity, Server } from '../tunnels/server.ts';
import type { Queries } from './connect.ts';
import { agents, labels, servers } from './schema.ts';
import type { Transaction } from './transaction.ts';
import { isUuid } from './uuid.ts';

/** Servers with the label and the key they have now, oldest first. */
export async function selectServers(
  queries: Queries | Transaction,
  where: SQL | undefined,
  limit?: number,
): Promise<Server[]> {
  const query = queries
    .select({ server: servers, held: labels, key: agents })
    .from(servers)
    .leftJoin(labels, and(eq(labels.serverId, servers.id), eq(labels.state, 'active')))
    .leftJoin(agents, and(eq(agents.serverId, servers.id), isNull(agents.revokedAt)))
    .where(where)
    .orderBy(servers.id);
  const rows = await (limit === undefined ? query : query.limit(limit));
  return rows.map(({ server, held, key }) => ({
    id: server.id,
    ownerId: server.ownerId,
    name: server.name,
    label: held?.label,
    newOwnerSince: held?.newOwnerSince ?? undefined,
    agentId: key?.agentId,
    ...formerKeyOf(key),
    switches: {
      http2: server.http2,
      minTls: server.minTls,
      certificateKey: server.certificateKey,
      authority: server.authority,
      product: server.product ?? undefined,
      lifted: server.lifted,
    },
    createdAt: server.createdAt,
    lastSeenAt: server.lastSeenAt ?? undefined,
    revokedAt: server.revokedAt ?? undefined,
    suspension:
      server.suspendedAt === null
        ? undefined
        : { since: server.suspendedAt, reason: server.suspensionReason ?? '' },
  }));
}

function formerKeyOf(key: typeof agents.$inferSelect | null): Pick<Server, 'formerKey'> {
  if (key === null || key.replaces === null) return {};
  return { formerKey: { agentId: key.replaces, epoch: key.replacesEpoch ?? undefined } };
}

export async function selectServer(
  queries: Queries | Transaction,
  serverId: string,
): Promise<Server | undefined> {
  if (!isUuid(serverId)) {
    return undefined;
  }
  const [server] = await selectServers(queries, eq(servers.id, serverId));
  return server;
}

/** SHA-256 in base64url. A name from the wire may hold bytes that PostgreSQL takes in no text. */
const thumbprint = /^[\w-]{43}$/;

export async function selectAgent(
  queries: Queries | Transaction,
  agentId: string,
): Promise<AgentIdentity | undefined> {
  if (!thumbprint.test(agentId)) {
    return undefined;
  }
  const successors = alias(agents, 'successors');
  const [row] = await queries
    .select({ agent: agents, serverRevokedAt: servers.revokedAt, successor: successors.agentId })
    .from(agents)
    .innerJoin(servers, eq(servers.id, agents.serverId))
    .leftJoin(successors, eq(successors.replaces, agents.agentId))
    .where(eq(agents.agentId, agentId));
  return row === undefined
    ? undefined
    : {
        agentId: row.agent.agentId,
        publicKey: row.agent.publicKey,
        serverId: row.agent.serverId,
        isRevoked: row.agent.revokedAt !== null || row.serverRevokedAt !== null,
        isReplaced: row.successor !== null && row.serverRevokedAt === null,
      };
}
