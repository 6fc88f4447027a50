// The word arrives that factors are lost or in other hands; an account leaves that nothing of the former opens (security row A-17).

import { z } from '@hono/zod-openapi';

import { AccountError } from '../../accounts/account-error.ts';
import type { Account } from '../../accounts/account.ts';
import type { Resets } from '../../accounts/factors/resets.ts';
import { doerOf } from './factors.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { reply } from '../operation/reply.ts';

export interface ResetServices {
  readonly resets: Resets;
  readonly accounts: { find(id: string): Promise<Account | undefined> };
}

const lockOut = operation({
  id: 'factors.lock-out',
  method: 'post',
  path: '/account/lockout',
  summary:
    '"I lost my phone": ends every login, forgets trusted browsers, tokens, passkeys and the authenticator app',
  description:
    'Only a recovery code opens the account again, or another admin. A recovery code proves enough to do it. The answer says how many are left; the last admin is refused while there is none (`account.last-admin`).',
  auth: 'login',
  scope: 'none',
  // Not as destructive: whoever has lost the phone has a recovery code to prove it with, and no more.
  stepUp: 'config',
  response: z.object({ recovery_codes_left: z.number().int() }).openapi('Lockout'),
  async run(caller, _input, { resets }: ResetServices) {
    const { recoveryCodesLeft } = await resets.lockOut(caller.account.id, doerOf(caller));
    const cookies = [
      { name: 'phlix_session', value: undefined },
      { name: 'phlix_tb', value: undefined },
    ] as const;
    return reply({ recovery_codes_left: recoveryCodesLeft }, { cookies });
  },
});

const resetMfa = operation({
  id: 'users.reset-mfa',
  method: 'post',
  path: '/admin/users/{id}/reset-mfa',
  summary:
    'Take every factor, trusted browser and token from an account; it enrols anew at its next sign-in',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  params: z.object({ id: z.string().max(64) }),
  body: z.object({
    reason: z.string().trim().min(3).max(500).openapi({ description: 'For the audit log' }),
    keep_sso: z
      .boolean()
      .default(false)
      .openapi({ description: 'Links to identity providers stay' }),
  }),
  async run(caller, { params, body }, { resets, accounts }: ResetServices) {
    const account = await accounts.find(params.id);
    if (account === undefined)
      throw new AccountError('account.unknown', 'there is no such account');
    const { reason, keep_sso: keepsSso } = body;
    await resets.resetByAdmin(account, { reason, keepsSso, doer: doerOf(caller) });
  },
});

export const resetOperations: readonly Operation<ResetServices>[] = [lockOut, resetMfa];
