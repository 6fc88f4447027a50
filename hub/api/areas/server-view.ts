// A server and who looks at it arrive; what he may see of it leaves, or the refusal of what is not his.

import { z } from '@hono/zod-openapi';

import { isAdminHere, type Caller } from '../../accounts/caller.ts';
import type { Presence, PresenceStore } from '../../tunnels/presence.ts';
import type { Server, ServerStore, ServerSwitches } from '../../tunnels/server.ts';
import type { Reach, ServerSharing } from '../../tunnels/sharing.ts';
import { ApiError, notFound } from '../problem/api-error.ts';

export interface ServerViews {
  readonly servers: Pick<ServerStore, 'find'>;
  readonly sharing: ServerSharing;
  readonly presence: Pick<PresenceStore, 'list'>;
  readonly place: { addressesOf(server: Server): readonly string[] };
}

export type SignedIn = Exclude<Caller, { kind: 'nobody' }>;

/** `admin`: somebody else's, seen as an admin. `member`: shared, to look at. */
type Access = 'owner' | 'admin' | 'member';

export const serverId = z.object({ id: z.uuid() });

/** As they stand, by the words that commands take too. */
export const switchesSchema = z
  .object({
    http2: z.boolean(),
    min_tls: z.enum(['1.2', '1.3']),
    certificate: z.enum(['ecdsa', 'rsa']),
    authority: z.enum(['first', 'second']),
    product: z.enum(['jellyfin', 'emby', 'plex', 'phlix', 'other']).nullable(),
    lifted: z.array(z.string()),
  })
  .openapi('Switches');

export const serverSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    label: z.string().nullable(),
    addresses: z.array(z.string()),
    is_connected: z.boolean(),
    connected_since: z.iso.datetime().nullable(),
    last_seen_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    access: z.enum(['owner', 'admin', 'member']),
    suspended_at: z.iso.datetime().nullable(),
    suspension_reason: z.string().nullable().openapi({ description: 'For its owner and admins.' }),
    switches: switchesSchema,
  })
  .openapi('Server');

/** His own, what is shared with him, or for an admin any. @throws ApiError api.not-found */
export async function requireVisible(
  caller: SignedIn,
  id: string,
  { servers, sharing }: Pick<ServerViews, 'servers' | 'sharing'>,
): Promise<Server> {
  const server = await servers.find(id);
  if (server === undefined || server.revokedAt !== undefined) throw notFound('server of this id');
  if (accessTo(server, caller) !== 'member') return server;
  if (await sharing.isMember(id, caller.account.id)) return server;
  throw notFound('server of this id');
}

/** What its owner may do, and admins. @throws ApiError api.not-found | api.denied: a member may look only */
export async function requireOwned(
  caller: SignedIn,
  id: string,
  views: Pick<ServerViews, 'servers' | 'sharing'>,
): Promise<Server> {
  const server = await requireVisible(caller, id, views);
  if (accessTo(server, caller) !== 'member') return server;
  throw new ApiError(
    'api.denied',
    'This server is shared with you to look at: ask its owner to change it.',
  );
}

/** An owner who could rename what is suspended would give its address to his next one. @throws ApiError api.denied */
export function requireInOwnersHands(caller: SignedIn, server: Server): void {
  if (server.suspension === undefined || isAdminHere(caller)) return;
  throw new ApiError(
    'api.denied',
    'This server is suspended: it stays as it is until whoever runs the hub resumes it.',
  );
}

export function reachOf(caller: SignedIn): Reach {
  const { ownerId, id: accountId } = caller.account;
  return isAdminHere(caller) ? 'all' : { ownerId, accountId };
}

export async function serverView(
  server: Server,
  caller: SignedIn,
  { presence, place }: Pick<ServerViews, 'presence' | 'place'>,
): Promise<z.input<typeof serverSchema>> {
  const presences = await presence.list();
  return serverJson(server, caller, { presence: presences.get(server.id), place });
}

export function serverJson(
  server: Server,
  caller: SignedIn,
  { presence, place }: { presence: Presence | undefined; place: ServerViews['place'] },
): z.input<typeof serverSchema> {
  const since = presence?.state === 'connected' ? presence.since : undefined;
  const access = accessTo(server, caller);
  const { suspension } = server;
  return {
    id: server.id,
    name: server.name,
    label: server.label ?? null,
    addresses: [...place.addressesOf(server)],
    is_connected: since !== undefined,
    connected_since: since?.toISOString() ?? null,
    last_seen_at: lastSeen(server, presence)?.toISOString() ?? null,
    created_at: server.createdAt.toISOString(),
    access,
    suspended_at: suspension?.since.toISOString() ?? null,
    suspension_reason: access === 'member' ? null : (suspension?.reason ?? null),
    switches: switchesJson(server.switches),
  };
}

function accessTo({ ownerId }: Server, caller: SignedIn): Access {
  if (ownerId === caller.account.ownerId) return 'owner';
  return isAdminHere(caller) ? 'admin' : 'member';
}

/** What a hub that was killed could not store, its last sign of life tells. */
function lastSeen({ lastSeenAt }: Server, presence: Presence | undefined): Date | undefined {
  const lastSign = presence?.state === 'lost' ? presence.lastSeenAt : undefined;
  const isLater = lastSign !== undefined && (lastSeenAt === undefined || lastSign > lastSeenAt);
  return isLater ? lastSign : lastSeenAt;
}

function switchesJson(switches: ServerSwitches): z.input<typeof switchesSchema> {
  const { http2, minTls, certificateKey, authority, product, lifted } = switches;
  return {
    http2,
    min_tls: minTls,
    certificate: certificateKey,
    authority,
    product: product ?? null,
    lifted: [...lifted],
  };
}
