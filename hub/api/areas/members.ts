// With whom a server is shared is asked and changed here: members look at it, and change nothing.

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { Member } from '../../tunnels/sharing.ts';
import { notFound } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { compareKeys, listOf, pageOfAll, pageQuery } from '../operation/page.ts';
import { requireOwned, serverId, type ServerViews } from './server-view.ts';
import { note } from './servers.ts';

export interface MemberServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly audit: Audit;
}

const memberSchema = z
  .object({ account_id: z.string(), username: z.string(), since: z.iso.datetime() })
  .openapi('Member');

const list = operation({
  id: 'members.list',
  method: 'get',
  path: '/servers/{id}/members',
  summary: 'With whom a server is shared, by name',
  auth: 'owner',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  query: pageQuery,
  response: listOf(memberSchema),
  async run(caller, { params, query }, services: MemberServices) {
    await requireOwned(caller, params.id, services);
    const members = await services.sharing.members(params.id);
    const all = members.toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));
    return pageOfAll(all, query, { keyOf, itemOf: memberJson });
  },
});

const add = operation({
  id: 'members.add',
  method: 'post',
  path: '/servers/{id}/members',
  summary: 'Share a server with an account, to look at',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: z.strictObject({ username: z.string().min(1).max(256) }),
  response: memberSchema,
  status: 201,
  async run(caller, { params, body }, services: MemberServices) {
    const server = await requireOwned(caller, params.id, services);
    const member = await services.sharing.addMember(params.id, body.username);
    if (member === undefined) throw notFound('other account of this name');
    const target = member.username;
    note(services, caller, { event: 'admin.member-added', server, target });
    return memberJson(member);
  },
});

const remove = operation({
  id: 'members.remove',
  method: 'delete',
  path: '/servers/{id}/members/{account_id}',
  summary: 'Share a server with an account no more',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId.extend({ account_id: z.uuid() }),
  target: ({ params }) => `${params.id} ${params.account_id}`,
  async run(caller, { params }, services: MemberServices) {
    const server = await requireOwned(caller, params.id, services);
    const wasMember = await services.sharing.removeMember(params.id, params.account_id);
    if (!wasMember) throw notFound('member of this id');
    note(services, caller, { event: 'admin.member-removed', server, target: params.account_id });
  },
});

export const memberOperations: readonly Operation<MemberServices>[] = [list, add, remove];

/** Names differ by more than capitals. */
function keyOf({ username, accountId }: Member): readonly [string, string] {
  return [username.toLowerCase(), accountId];
}

function memberJson({ accountId, username, since }: Member): z.input<typeof memberSchema> {
  return { account_id: accountId, username, since: since.toISOString() };
}
