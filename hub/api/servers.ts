// Questions and wishes about media servers arrive; each caller sees his own, and what is shared with him.

import { z } from '@hono/zod-openapi';

import type { Caller } from '../accounts/caller.ts';
import type { Presence, PresenceStore } from '../tunnels/presence.ts';
import type { Server, ServerStore } from '../tunnels/server.ts';
import type { Reach, ServerSharing } from '../tunnels/sharing.ts';
import { notFound } from './api-error.ts';
import { operation, type Operation } from './operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from './page.ts';

export interface ServerServices {
  readonly servers: Pick<ServerStore, 'find'>;
  readonly sharing: ServerSharing;
  readonly presence: Pick<PresenceStore, 'list'>;
  readonly place: { addressesOf(server: Server): readonly string[] };
}

type SignedIn = Exclude<Caller, { kind: 'nobody' }>;

export const serverId = z.object({ id: z.uuid() });

const serverSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    label: z.string().nullable(),
    addresses: z.array(z.string()),
    is_connected: z.boolean(),
    connected_since: z.iso.datetime().nullable(),
    last_seen_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    access: z.enum(['owner', 'member', 'admin']),
  })
  .openapi('Server');

const list = operation({
  id: 'servers.list',
  method: 'get',
  path: '/servers',
  summary: 'The servers that you own, and those that are shared with you',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(serverSchema),
  async run(caller, { query }, services: ServerServices) {
    const [after] = placeOf(query, 1) ?? [];
    const rows = await services.sharing.list(reachOf(caller), { after, limit: query.limit + 1 });
    const presences = await services.presence.list();
    return pageOf(rows, query, {
      keyOf: ({ id }) => [id],
      itemOf: (server) => serverJson(server, caller, presences.get(server.id), services),
    });
  },
});

const show = operation({
  id: 'servers.show',
  method: 'get',
  path: '/servers/{id}',
  summary: 'A server',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: serverSchema,
  async run(caller, { params }, services: ServerServices) {
    const server = await requireVisible(caller, params.id, services);
    const presences = await services.presence.list();
    return serverJson(server, caller, presences.get(server.id), services);
  },
});

export const serverOperations: readonly Operation<ServerServices>[] = [list, show];

/** His own, what is shared with him, or for an admin any. @throws ApiError api.not-found */
export async function requireVisible(
  caller: SignedIn,
  id: string,
  { servers, sharing }: Pick<ServerServices, 'servers' | 'sharing'>,
): Promise<Server> {
  const server = await servers.find(id);
  if (server === undefined || server.revokedAt !== undefined) throw notFound('server of this id');
  if (accessOf(server, caller) !== 'member') return server;
  if (await sharing.isMember(id, caller.account.id)) return server;
  throw notFound('server of this id');
}

function reachOf({ account }: SignedIn): Reach {
  return account.role === 'admin' ? 'all' : { ownerId: account.ownerId, accountId: account.id };
}

function accessOf({ ownerId }: Server, { account }: SignedIn): 'owner' | 'admin' | 'member' {
  if (ownerId === account.ownerId) return 'owner';
  return account.role === 'admin' ? 'admin' : 'member';
}

function serverJson(
  server: Server,
  caller: SignedIn,
  presence: Presence | undefined,
  { place }: Pick<ServerServices, 'place'>,
): z.input<typeof serverSchema> {
  const since = presence?.state === 'connected' ? presence.since : undefined;
  return {
    id: server.id,
    name: server.name,
    label: server.label ?? null,
    addresses: [...place.addressesOf(server)],
    is_connected: since !== undefined,
    connected_since: since?.toISOString() ?? null,
    last_seen_at: server.lastSeenAt?.toISOString() ?? null,
    created_at: server.createdAt.toISOString(),
    access: accessOf(server, caller),
  };
}
