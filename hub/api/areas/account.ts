// Somebody's own account arrives; he sees it, changes it, and leaves with it.

import { z } from '@hono/zod-openapi';

import type { Account } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import { isAdminHere } from '../../accounts/caller.ts';
import type { EmailVerification } from '../../accounts/email/verification.ts';
import type { ServerStore } from '../../tunnels/server.ts';
import { ApiError } from '../problem/api-error.ts';
import { passwordBodyBytes } from './auth.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { reply } from '../operation/reply.ts';
import { visitOf } from '../doors/visit.ts';
import type { SignedIn } from './server-view.ts';

export interface AccountServices {
  readonly accounts: Accounts;
  readonly emailVerification: Pick<EmailVerification, 'offer'>;
  readonly postbox: { readonly isThere: boolean };
  readonly servers: Pick<ServerStore, 'list'>;
}

export const accountSchema = z
  .object({
    id: z.uuid(),
    username: z.string(),
    email: z.string().nullable(),
    is_email_verified: z.boolean(),
    role: z.enum(['admin', 'owner', 'member']),
    state: z.enum(['active', 'suspended']),
    created_at: z.iso.datetime(),
    last_login_at: z.iso.datetime().nullable(),
    is_password_breached: z.boolean(),
    networks: z.array(z.string()),
  })
  .openapi('Account');

export function accountJson(account: Account): z.input<typeof accountSchema> {
  return {
    id: account.id,
    username: account.username,
    email: account.email ?? null,
    is_email_verified: account.emailVerifiedAt !== undefined,
    role: account.role,
    state: account.state,
    created_at: account.createdAt.toISOString(),
    last_login_at: account.lastLoginAt?.toISOString() ?? null,
    is_password_breached: account.passwordBreached,
    networks: [...account.networks],
  };
}

const show = operation({
  id: 'account.show',
  method: 'get',
  path: '/account',
  summary: 'Your account',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  response: accountSchema,
  run: async ({ account }) => accountJson(account),
});

const rename = operation({
  id: 'account.rename',
  method: 'patch',
  path: '/account',
  summary: 'Be called otherwise; you sign in with the new name from then on',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  body: z.strictObject({ username: z.string().max(256) }),
  response: accountSchema,
  run: async (caller, { body }, { accounts }: AccountServices) =>
    accountJson(await accounts.rename(caller.account, body.username, caller)),
});

const changePassword = operation({
  id: 'account.change-password',
  method: 'put',
  path: '/account/password',
  summary: 'Another password, or a first one; every other login ends',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  isOpenWhileEnrolling: true,
  bodyBytes: passwordBodyBytes,
  body: z.strictObject({
    /** Browsers fill it in. What proves it is the step-up. */
    current_password: z.string().max(1024).optional(),
    new_password: z.string().max(1024),
  }),
  async run(caller, { body }, { accounts }: AccountServices) {
    await accounts.changePassword(caller, body.new_password);
  },
});

const changeEmail = operation({
  id: 'account.change-email',
  method: 'put',
  path: '/account/email',
  summary: 'Another e-mail address, or none; it counts once the link is opened that is sent there',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  body: z.strictObject({ email: z.string().max(320).nullable() }),
  response: accountSchema,
  async run(caller, input, { accounts, emailVerification, postbox }: AccountServices) {
    const email = input.body.email ?? undefined;
    const account = await accounts.changeEmail(caller.account, email, caller);
    const isNew = account.email !== undefined && account.email !== caller.account.email;
    if (isNew && postbox.isThere) await emailVerification.offer(account, visitOf(caller, input));
    return accountJson(account);
  },
});

const changeNetworks = operation({
  id: 'account.change-networks',
  method: 'put',
  path: '/account/networks',
  summary: 'Where you may sign in from; none: from anywhere',
  description:
    'A list that leaves out where you are now, or that holds every address, needs your user name as `confirm`.',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  body: z.strictObject({
    networks: z.array(z.string().max(64)).max(100),
    confirm: z.string().max(256).optional(),
  }),
  response: accountSchema,
  run: async (caller, { body }, { accounts }: AccountServices) =>
    accountJson(await accounts.changeNetworks(caller, body)),
});

const remove = operation({
  id: 'account.delete',
  method: 'delete',
  path: '/account',
  summary: 'Delete your account with everything that the hub keeps of it; your servers are revoked',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  async run(caller, _input, { accounts, servers }: AccountServices) {
    await requireNoneSuspended(caller, servers);
    await accounts.remove(caller.account, caller);
    return reply(undefined, { cookies: [{ name: 'phlix_session', value: undefined }] });
  },
});

export const accountOperations: readonly Operation<AccountServices>[] = [
  show,
  rename,
  changePassword,
  changeEmail,
  changeNetworks,
  remove,
];

/** It would revoke them: whoever is told why one is suspended could take its name out of the operator's hands. @throws ApiError api.denied */
async function requireNoneSuspended(
  caller: SignedIn,
  servers: AccountServices['servers'],
): Promise<void> {
  const { ownerId } = caller.account;
  if (isAdminHere(caller)) return;
  const suspended = (await servers.list()).find(
    (server) => server.ownerId === ownerId && server.suspension !== undefined,
  );
  if (suspended === undefined) return;
  throw new ApiError(
    'api.denied',
    `Your server ${suspended.label ?? suspended.name} is suspended, and your account stays until whoever runs the hub resumes or revokes it: ask there.`,
  );
}
