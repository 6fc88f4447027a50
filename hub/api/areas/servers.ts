// Questions and wishes about media servers arrive; each caller sees his own, and what is shared with him, and changes his own.

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { NotableEvent } from '../../audit/event.ts';
import type { Product, Server, ServerStore, SwitchChange } from '../../tunnels/server.ts';
import { ApiError } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from '../operation/page.ts';
import {
  reachOf,
  requireInOwnersHands,
  requireOwned,
  requireVisible,
  serverId,
  serverJson,
  serverSchema,
  serverView,
  switchesSchema,
  type ServerViews,
  type SignedIn,
} from './server-view.ts';

export interface ServerServices extends ServerViews {
  readonly servers: Pick<ServerStore, 'find' | 'rename' | 'changeSwitches' | 'revoke'>;
  /** What the hub keeps visitors from, for servers of this product. */
  readonly denyList: (product: Product | undefined) => readonly DeniedEntry[];
  /** HUB_ACME_FALLBACK_DIRECTORY is set: a server may choose it. */
  readonly hasSecondAuthority: boolean;
  readonly audit: Audit;
}

interface DeniedEntry {
  readonly names: readonly string[];
  readonly what: string;
}

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
  async run(caller, { query }, { sharing, presence, place }: ServerServices) {
    const [after] = placeOf(query, 1) ?? [];
    const rows = await sharing.list(reachOf(caller), { after, limit: query.limit + 1 });
    // Read after the servers: whoever connects in between is shown as connected.
    const presences = await presence.list();
    return pageOf(rows, query, {
      keyOf: ({ id }) => [id],
      itemOf: (server) => serverJson(server, caller, { presence: presences.get(server.id), place }),
    });
  },
});

const deniedEntry = z.object({ entry: z.string(), what: z.string(), is_lifted: z.boolean() });

const show = operation({
  id: 'servers.show',
  method: 'get',
  path: '/servers/{id}',
  summary: 'A server, how it is set, and what the hub keeps visitors from',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: serverSchema.extend({ deny_list: z.array(deniedEntry) }).openapi('ServerInFull'),
  async run(caller, { params }, services: ServerServices) {
    const server = await requireVisible(caller, params.id, services);
    const { product, lifted } = server.switches;
    const denied = services.denyList(product).map(({ names, what }) => ({
      entry: names[0] ?? '',
      what,
      is_lifted: names.some((name) => lifted.includes(name)),
    }));
    return { ...(await serverView(server, caller, services)), deny_list: denied };
  },
});

const rename = operation({
  id: 'servers.rename',
  method: 'patch',
  path: '/servers/{id}',
  summary: 'Give a server another name; its old address stops working at once',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: z.strictObject({ label: z.string().min(1).max(63) }),
  response: serverSchema,
  async run(caller, { params, body }, services: ServerServices) {
    const former = await requireOwned(caller, params.id, services);
    requireInOwnersHands(caller, former);
    const server = await services.servers.rename(params.id, body.label.toLowerCase());
    const reason = `${former.label ?? 'no name'} to ${server.label ?? 'no name'}`;
    note(services, caller, { event: 'server.renamed', server, reason });
    return serverView(server, caller, services);
  },
});

const switchChange = switchesSchema
  .omit({ lifted: true })
  .partial()
  .extend({
    lift: z.array(z.string()).max(100).optional(),
    unlift: z.array(z.string()).max(100).optional(),
  });

const change = operation({
  id: 'servers.change',
  method: 'patch',
  path: '/servers/{id}/switches',
  summary: 'Change how a server is offered to visitors; in force at once',
  description:
    'What is left out stays as it is. `lift` lets visitors through to what an entry of the deny-list keeps them from; no token can do that.',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: switchChange,
  response: serverSchema,
  async run(caller, { params, body }, services: ServerServices) {
    await requireOwned(caller, params.id, services);
    if (caller.kind === 'token' && (body.lift ?? []).length > 0)
      throw new ApiError('api.scope', 'No token can lift an entry: sign in with a browser.');
    const wanted = changeOf(body, services);
    const server = await services.servers.changeSwitches(params.id, wanted);
    const reason = Object.keys(body).join(' ');
    note(services, caller, { event: 'server.changed', server, reason });
    return serverView(server, caller, services);
  },
});

const revoke = operation({
  id: 'servers.revoke',
  method: 'delete',
  path: '/servers/{id}',
  summary: 'Cut a server off for good; its name goes into quarantine, its domains are dropped',
  auth: 'owner',
  scope: 'none',
  stepUp: 'destructive',
  params: serverId,
  async run(caller, { params }, services: ServerServices) {
    const server = await requireOwned(caller, params.id, services);
    requireInOwnersHands(caller, server);
    await services.servers.revoke(params.id);
    note(services, caller, { event: 'server.revoked', server });
  },
});

export const serverOperations: readonly Operation<ServerServices>[] = [
  list,
  show,
  rename,
  change,
  revoke,
];

/** What somebody did to a server, and got. */
export function note(
  { audit }: { audit: Audit },
  caller: SignedIn,
  what: {
    event: NotableEvent;
    server: Server;
    target?: string | undefined;
    reason?: string | undefined;
  },
): void {
  const { account, kind, address, requestId } = caller;
  audit.note({
    event: what.event,
    actor: { id: account.id, name: account.username },
    address,
    server: what.server.id,
    target: what.target ?? what.server.label,
    result: 'ok',
    method: kind,
    reason: what.reason,
    requestId,
  });
}

/** A choice that nobody can follow would be believed. @throws ApiError api.malformed */
function changeOf(
  asked: z.output<typeof switchChange>,
  { denyList, hasSecondAuthority }: Pick<ServerServices, 'denyList' | 'hasSecondAuthority'>,
): SwitchChange {
  const entries = new Set(denyList(undefined).flatMap(({ names }) => names));
  const unknown = [...(asked.lift ?? []), ...(asked.unlift ?? [])].find(
    (name) => !entries.has(name),
  );
  if (unknown !== undefined)
    throw new ApiError(
      'api.malformed',
      `The deny-list has no entry ${JSON.stringify(unknown)}: the server's own page lists those there are.`,
    );
  if (asked.authority === 'second' && !hasSecondAuthority)
    throw new ApiError(
      'api.malformed',
      'This hub has one authority: HUB_ACME_FALLBACK_DIRECTORY would be the second.',
    );
  const { http2, min_tls: minTls, certificate: certificateKey, authority, product } = asked;
  return {
    ...(http2 !== undefined && { http2 }),
    ...(minTls !== undefined && { minTls }),
    ...(certificateKey !== undefined && { certificateKey }),
    ...(authority !== undefined && { authority }),
    ...(product !== undefined && { product: product ?? undefined }),
    lift: asked.lift ?? [],
    unlift: asked.unlift ?? [],
  };
}
