// A server and another owner arrive; it is his from now on, and nothing that the former owner had in hand opens it any more (security row D-05).

import { and, eq, isNull } from './drizzle.ts';
import type { NameLimits } from '../tunnels/limits.ts';
import type { Server } from '../tunnels/server.ts';
import { serverMembers } from './account-tables.ts';
import { dropDomainsOf } from './domain-rows.ts';
import { announceServer, lockOwner, requireQuota } from './label-claims.ts';
import { agents, labels, serverFindings, servers } from './schema.ts';
import type { Transaction } from './transaction.ts';
import { serverEvents, linkMeans, linkSamples } from './usage-tables.ts';

export interface Transfer {
  readonly server: Server;
  readonly ownerId: string;
  readonly at: Date;
  readonly limits: NameLimits;
}

/**
 * The former owner's agent is out, and so are his domains and everybody with whom he shared it; tokens that he made for it
 * are refused, since they are of another owner. What his line, his home and his addresses were is not the new owner's to read.
 * @throws TunnelError name.quota
 */
export async function giveAway(tx: Transaction, transfer: Transfer): Promise<void> {
  const { server, ownerId, at, limits } = transfer;
  await lockOwner(tx, ownerId);
  if (server.label !== undefined) await requireQuota(tx, ownerId, limits);
  await tx.update(servers).set({ ownerId, lifted: [] }).where(eq(servers.id, server.id));
  await tx
    .update(labels)
    // His visitors' browsers still hold pages of the former owner.
    .set({ ownerId, newOwnerSince: at })
    .where(and(eq(labels.serverId, server.id), eq(labels.state, 'active')));
  await tx
    .update(agents)
    .set({ revokedAt: at })
    .where(and(eq(agents.serverId, server.id), isNull(agents.revokedAt)));
  await tx.delete(serverMembers).where(eq(serverMembers.serverId, server.id));
  for (const table of [serverEvents, serverFindings, linkMeans, linkSamples])
    await tx.delete(table).where(eq(table.serverId, server.id));
  await dropDomainsOf(tx, server.id, at);
  await announceServer(tx, server.id);
}
