// A caller and the operation that he calls arrive; whether he may leaves (roles, scopes, step-up: security rows, E-13).

import { AccountError } from '../../accounts/account-error.ts';
import type { Role } from '../../accounts/account.ts';
import type { Caller } from '../../accounts/caller.ts';
import type { Login } from '../../accounts/login/login.ts';
import { ApiError } from '../problem/api-error.ts';
import type { AnyInput } from './input.ts';
import type { Auth, Operation } from './operation.ts';

/** Whether a login has lately been proved to be its owner's, or is proved now. */
export interface StepUpDesk {
  /** @throws AccountError login.step-up, with what would prove it */
  require(
    login: Login,
    demand: {
      readonly level: 'small' | 'config' | 'destructive';
      readonly action: string;
      readonly target: string;
      /** Of X-Phlix-Step-Up. */
      readonly proof: string | undefined;
    },
  ): Promise<void>;
}

const rolesOf: Readonly<Record<Auth, readonly Role[]>> = {
  nobody: ['admin', 'owner', 'member'],
  login: ['admin', 'owner', 'member'],
  owner: ['admin', 'owner'],
  admin: ['admin'],
};

/** @throws AccountError login.required | login.restricted, ApiError api.not-found | api.denied | api.scope */
export function admit(
  caller: Caller,
  operation: Pick<Operation<never>, 'auth' | 'scope' | 'isOpenWhileEnrolling'>,
  isAdminDoorOpen: boolean,
): void {
  const { auth, scope, isOpenWhileEnrolling = false } = operation;
  if (auth === 'nobody') return;
  if (auth === 'admin' && !isAdminDoorOpen)
    throw new ApiError('api.not-found', 'There is nothing at this address: check its spelling.');
  if (caller.kind === 'nobody')
    throw new AccountError('login.required', 'sign in, or send a token as a bearer');
  if (caller.kind === 'token') requireScope(caller.scopes, scope);
  else if (caller.login.restriction !== undefined && !isOpenWhileEnrolling)
    throw new AccountError(
      'login.restricted',
      'finish setting up your account first: enrol a second factor or set a password',
    );
  if (!rolesOf[auth].includes(caller.account.role))
    throw new ApiError('api.denied', `This is for accounts with the role ${auth}: ask an admin.`);
}

/** A token has been proved when it was made, and can never prove anything again. */
export async function requireStepUp(
  caller: Caller,
  operation: Pick<Operation<never>, 'id' | 'stepUp' | 'target' | 'method' | 'path' | 'auth'>,
  { input, proof, desk }: { input: AnyInput; proof: string | undefined; desk: StepUpDesk },
): Promise<void> {
  const { id: action } = operation;
  const level = levelOf(operation);
  if (level === undefined || caller.kind === 'nobody') return;
  if (caller.kind === 'token') {
    if (level !== 'destructive') return;
    throw new ApiError('api.scope', 'A token cannot do this: sign in and prove that it is you.');
  }
  const target = operation.target?.(input as never) ?? idOf(input) ?? caller.account.id;
  await desk.require(caller.login, { level, action, target, proof });
}

/**
 * What a login may have to prove for it, by HUB_STEP_UP; undefined: nothing. What only reads is no change, and below /auth are
 * the doors themselves: a proof that needs a proof would never come.
 */
export function levelOf({
  stepUp,
  method,
  path,
  auth,
}: Pick<Operation<never>, 'stepUp' | 'method' | 'path' | 'auth'>):
  | 'small'
  | 'config'
  | 'destructive'
  | undefined {
  if (stepUp !== 'none') return stepUp;
  return method === 'get' || auth === 'nobody' || path.startsWith('/auth/') ? undefined : 'small';
}

function requireScope(held: readonly string[], scope: string): void {
  if (scope === 'none')
    throw new ApiError('api.scope', 'No token can do this: sign in with a browser.');
  if (!held.includes(scope))
    throw new ApiError('api.scope', `This token lacks the scope ${scope}: make one that has it.`);
}

function idOf({ params }: AnyInput): string | undefined {
  const { id } = params as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}
