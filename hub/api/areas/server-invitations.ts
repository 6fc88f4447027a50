// An owner's wishes about open invitations to his server arrive: which there are leaves, or one of them opens nothing any more (row A-23).

import { z } from '@hono/zod-openapi';

import type { Invitation, Invitations } from '../../accounts/invitations.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from '../operation/page.ts';
import { notFound } from '../problem/api-error.ts';
import { invitationJson, invitationSchema } from './people-admin.ts';
import { requireOwned, serverId, type ServerViews } from './server-view.ts';

export interface ServerInvitationServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly invitations: Invitations;
}

const list = operation({
  id: 'invitations.of-server',
  method: 'get',
  path: '/servers/{id}/invitations',
  summary: 'Invitations to a server of yours that can still be used, the newest first',
  auth: 'owner',
  // Addresses of people: a television's token, which reads servers, has no use for them.
  scope: 'none',
  stepUp: 'none',
  params: serverId,
  query: pageQuery,
  response: listOf(invitationSchema),
  async run(caller, { params, query }, services: ServerInvitationServices) {
    await requireOwned(caller, params.id, services);
    const [before] = placeOf(query, 1) ?? [];
    const all = await openTo(params.id, services);
    const rest = all.filter(({ id }) => before === undefined || id < before);
    return pageOf(rest, query, { keyOf: ({ id }) => [id], itemOf: invitationJson });
  },
});

const withdraw = operation({
  id: 'invitations.withdraw-of-server',
  method: 'delete',
  path: '/servers/{id}/invitations/{invitation_id}',
  summary: 'Take an invitation to a server of yours back, whoever made it',
  auth: 'owner',
  scope: 'none',
  stepUp: 'config',
  params: serverId.extend({ invitation_id: z.uuid() }),
  target: ({ params }) => `${params.id} ${params.invitation_id}`,
  async run(caller, { params }, services: ServerInvitationServices) {
    await requireOwned(caller, params.id, services);
    const open = await openTo(params.id, services);
    const found = open.find(({ id }) => id === params.invitation_id);
    if (found === undefined) throw notFound('invitation of this id to this server');
    await services.invitations.withdraw(found.id, caller);
  },
});

export const serverInvitationOperations: readonly Operation<ServerInvitationServices>[] = [
  list,
  withdraw,
];

async function openTo(
  server: string,
  { invitations }: ServerInvitationServices,
): Promise<Invitation[]> {
  return (await invitations.list()).filter((invitation) => invitation.serverId === server);
}
