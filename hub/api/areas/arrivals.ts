// Somebody with a setup token or an invitation arrives; a new account leaves, signed in (row A-23).

import { z } from '@hono/zod-openapi';

import type { Invitations } from '../../accounts/invitations.ts';
import type { Logins } from '../../accounts/login/logins.ts';
import type { Setup } from '../../accounts/setup.ts';
import { passwordBodyBytes, stepOf, stepSchema } from './auth.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { visitOf } from '../doors/visit.ts';

export interface ArrivalServices {
  readonly setup: Setup;
  readonly invitations: Invitations;
  readonly logins: Logins;
}

const token = z.string().max(128);

/** Without a password the login may do nothing but enrol a passkey or set one. */
const newAccount = z.strictObject({
  token,
  username: z.string().max(256),
  email: z.string().max(320).optional(),
  password: z.string().max(1024).optional(),
});

const setup = operation({
  id: 'setup.redeem',
  method: 'post',
  path: '/setup',
  summary:
    'Become the first admin, by the token that the hub wrote into its log and its data folder',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  bodyBytes: passwordBodyBytes,
  body: newAccount,
  response: stepSchema,
  async run(caller, input, { setup: room, logins }: ArrivalServices) {
    const { token: secret, ...wish } = input.body;
    const entered = await room.redeem(secret, wish, visitOf(caller, input));
    return stepOf(entered, { formerly: caller, logins });
  },
});

const look = operation({
  id: 'invitations.look',
  method: 'post',
  path: '/invitations/look',
  summary: 'What an invitation is for, to whoever holds it',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  body: z.strictObject({ token }),
  response: z.object({
    role: z.enum(['admin', 'owner', 'member']),
    email: z.string().nullable(),
    expires_at: z.iso.datetime(),
  }),
  async run(caller, input, { invitations }: ArrivalServices) {
    const visit = visitOf(caller, input);
    const { role, email, expiresAt } = await invitations.find(input.body.token, visit);
    return { role, email: email ?? null, expires_at: expiresAt.toISOString() };
  },
});

const accept = operation({
  id: 'invitations.accept',
  method: 'post',
  path: '/invitations/accept',
  summary: 'Become an account by an invitation',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  bodyBytes: passwordBodyBytes,
  body: newAccount,
  response: stepSchema,
  async run(caller, input, { invitations, logins }: ArrivalServices) {
    const { token: secret, ...wish } = input.body;
    const entered = await invitations.redeem(secret, wish, visitOf(caller, input));
    return stepOf(entered, { formerly: caller, logins });
  },
});

export const arrivalOperations: readonly Operation<ArrivalServices>[] = [setup, look, accept];
