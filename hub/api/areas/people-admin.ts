// Admins' wishes about people arrive: invitations, roles, suspensions, and the end of an account.

import { z } from '@hono/zod-openapi';

import { AccountError } from '../../accounts/account-error.ts';
import { roles, type Account } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import type { Invitation, Invitations, Invited } from '../../accounts/invitations.ts';
import { accountJson, accountSchema } from './account.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from '../operation/page.ts';
import { requireOwned, serverId, type ServerViews } from './server-view.ts';

export interface PeopleAdminServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly accounts: Accounts;
  readonly invitations: Invitations;
  /** `https://hub.example.org`. */
  readonly origin: () => string;
}

const userId = z.object({ id: z.uuid() });

const list = operation({
  id: 'users.list',
  method: 'get',
  path: '/admin/users',
  summary: 'Everybody, by name',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(accountSchema),
  async run(_caller, { query }, { accounts }: PeopleAdminServices) {
    const [after] = placeOf(query, 1) ?? [];
    const rows = await accounts.list({ after, limit: query.limit + 1 });
    return pageOf(rows, query, { keyOf: ({ key }) => [key], itemOf: accountJson });
  },
});

const show = operation({
  id: 'users.show',
  method: 'get',
  path: '/admin/users/{id}',
  summary: 'An account',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  params: userId,
  response: accountSchema,
  run: async (_caller, { params }, services: PeopleAdminServices) =>
    accountJson(await requireUser(params.id, services)),
});

const changeRole = operation({
  id: 'users.change-role',
  method: 'put',
  path: '/admin/users/{id}/role',
  summary: 'What an account may do; its logins end',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  params: userId,
  body: z.strictObject({ role: z.enum(roles) }),
  response: accountSchema,
  async run(caller, { params, body }, services: PeopleAdminServices) {
    const user = await requireUser(params.id, services);
    return accountJson(await services.accounts.changeRole(user, body.role, caller));
  },
});

const suspend = operation({
  id: 'users.suspend',
  method: 'post',
  path: '/admin/users/{id}/suspend',
  summary: 'Nothing opens an account until it is resumed; its servers go on',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: userId,
  body: z.strictObject({ reason: z.string().max(200).optional() }),
  response: accountSchema,
  async run(caller, { params, body }, services: PeopleAdminServices) {
    const user = await requireUser(params.id, services);
    return accountJson(await services.accounts.suspend(user, caller, body.reason));
  },
});

const resume = operation({
  id: 'users.resume',
  method: 'post',
  path: '/admin/users/{id}/resume',
  summary: 'Let a suspended account sign in again',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: userId,
  response: accountSchema,
  async run(caller, { params }, services: PeopleAdminServices) {
    const user = await requireUser(params.id, services);
    return accountJson(await services.accounts.resume(user, caller));
  },
});

const remove = operation({
  id: 'users.delete',
  method: 'delete',
  path: '/admin/users/{id}',
  summary: 'Delete an account with everything that the hub keeps of it; its servers are revoked',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  params: userId,
  async run(caller, { params }, services: PeopleAdminServices) {
    const user = await requireUser(params.id, services);
    await services.accounts.remove(user, caller);
  },
});

export const invitationSchema = z
  .object({
    id: z.uuid(),
    role: z.enum(roles),
    server_id: z.uuid().nullable(),
    email: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('Invitation');

/** The link is in this answer and never again. */
const newInvitation = invitationSchema
  .extend({
    link: z.string(),
    /** It is on its way to `email` as well. */
    is_mailed: z.boolean(),
  })
  .openapi('NewInvitation');

const invite = operation({
  id: 'invitations.create',
  method: 'post',
  path: '/admin/invitations',
  summary: 'Invite somebody; the link works once, within seven days, and is shown once',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  status: 201,
  body: z.strictObject({
    role: z.enum(['owner', 'member']),
    server_id: z.uuid().optional(),
    email: z.string().max(320).optional(),
  }),
  response: newInvitation,
  async run(caller, { body }, services: PeopleAdminServices) {
    const { role, email, server_id: id } = body;
    if (id !== undefined) await requireOwned(caller, id, services);
    const made = await services.invitations.invite({ role, email, serverId: id }, caller);
    return newInvitationJson(made, services);
  },
});

const inviteAdmin = operation({
  id: 'invitations.create-admin',
  method: 'post',
  path: '/admin/invitations/admins',
  summary: 'Invite another admin, who may do everything; the link is shown once',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  status: 201,
  body: z.strictObject({ email: z.string().max(320).optional() }),
  response: newInvitation,
  async run(caller, { body }, services: PeopleAdminServices) {
    const wish = { role: 'admin', email: body.email } as const;
    return newInvitationJson(await services.invitations.invite(wish, caller), services);
  },
});

const inviteMember = operation({
  id: 'invitations.create-member',
  method: 'post',
  path: '/servers/{id}/invitations',
  summary: 'Invite somebody to a server of yours; the link works once and is shown once',
  auth: 'owner',
  scope: 'none',
  stepUp: 'config',
  status: 201,
  params: serverId,
  body: z.strictObject({ email: z.string().max(320).optional() }),
  response: newInvitation,
  async run(caller, { params, body }, services: PeopleAdminServices) {
    const server = await requireOwned(caller, params.id, services);
    const wish = { role: 'member', serverId: server.id, email: body.email } as const;
    return newInvitationJson(await services.invitations.invite(wish, caller), services);
  },
});

const listInvitations = operation({
  id: 'invitations.list',
  method: 'get',
  path: '/admin/invitations',
  summary: 'Invitations that can still be used, the newest first',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(invitationSchema),
  async run(_caller, { query }, { invitations }: PeopleAdminServices) {
    const [before] = placeOf(query, 1) ?? [];
    const all = await invitations.list();
    const rest = all.filter(({ id }) => before === undefined || id < before);
    return pageOf(rest, query, { keyOf: ({ id }) => [id], itemOf: invitationJson });
  },
});

const withdraw = operation({
  id: 'invitations.withdraw',
  method: 'delete',
  path: '/admin/invitations/{id}',
  summary: 'Take an invitation back',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: userId,
  async run(caller, { params }, { invitations }: PeopleAdminServices) {
    await invitations.withdraw(params.id, caller);
  },
});

export const peopleAdminOperations: readonly Operation<PeopleAdminServices>[] = [
  list,
  show,
  changeRole,
  suspend,
  resume,
  remove,
  invite,
  inviteAdmin,
  inviteMember,
  listInvitations,
  withdraw,
];

/** @throws AccountError account.unknown */
async function requireUser(
  id: string,
  { accounts }: Pick<PeopleAdminServices, 'accounts'>,
): Promise<Account> {
  const user = await accounts.find(id);
  if (user !== undefined) return user;
  throw new AccountError('account.unknown', 'there is no such account (any more)');
}

export function invitationJson(invitation: Invitation): z.input<typeof invitationSchema> {
  return {
    id: invitation.id,
    role: invitation.role,
    server_id: invitation.serverId ?? null,
    email: invitation.email ?? null,
    created_at: invitation.createdAt.toISOString(),
    expires_at: invitation.expiresAt.toISOString(),
  };
}

/** Behind the #: browsers keep that to themselves, so it reaches no log on the way. */
function newInvitationJson(
  { invitation, secret, isMailed }: Invited,
  { origin }: Pick<PeopleAdminServices, 'origin'>,
): z.input<typeof newInvitation> {
  const link = `${origin()}/invite#${secret}`;
  return { ...invitationJson(invitation), link, is_mailed: isMailed };
}
