// A challenge and what meets it arrive; the login leaves lifted for a while, or a proof for one deed (row A-11).

import { z } from '@hono/zod-openapi';

import { AccountError } from '../../accounts/account-error.ts';
import type { Factors } from '../../accounts/factors/factors.ts';
import type { StepUp, StepUpProof } from '../../accounts/step-up/step-up.ts';
import { code, passkeyResponse, passwordBodyBytes, proofOf } from './auth.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { reply } from '../operation/reply.ts';
import { sessionCookie, visitOf } from '../doors/visit.ts';

export interface StepUpServices {
  readonly stepUp: StepUp;
  readonly factors: Pick<Factors, 'askPasskey'>;
}

const challenge = z.object({ challenge_id: z.uuid() });

const ask = operation({
  id: 'step-up.ask-passkey',
  method: 'post',
  path: '/auth/step-up/{challenge_id}/passkey/options',
  summary: 'What a browser asks its authenticators to prove that it is you',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  params: challenge,
  response: z.looseObject({}),
  async run({ account, login }, { params }, { stepUp, factors }: StepUpServices) {
    await stepUp.challengeOf(login, params.challenge_id);
    return { ...(await factors.askPasskey(login.id, account.id)) };
  },
});

const prove = operation({
  id: 'step-up.prove',
  method: 'post',
  path: '/auth/step-up/{challenge_id}/{method}',
  summary: 'Prove that it is you, then repeat what was refused',
  description:
    '`lifted`: the login has a new cookie and may change things for ten minutes; of several proofs at the same moment the first one’s answer brings it. `proven`: send `proof` as X-Phlix-Step-Up with the call that was refused; it counts once, for that call.',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  bodyBytes: passwordBodyBytes,
  params: challenge.extend({
    method: z.enum(['passkey', 'totp', 'recovery', 'email', 'password']),
  }),
  body: z.strictObject({
    code: code.optional(),
    response: passkeyResponse.optional(),
    password: z.string().max(1024).optional(),
  }),
  response: z
    .object({ kind: z.enum(['lifted', 'proven']), proof: z.string().optional() })
    .openapi('SteppedUp'),
  async run(caller, input, { stepUp }: StepUpServices) {
    const { params, body } = input;
    const proof = proofIn(params.method, body);
    const visit = visitOf(caller, input);
    const stepped = await stepUp.prove(caller, params.challenge_id, { proof, visit });
    if (stepped.kind === 'proven') return { kind: stepped.kind, proof: stepped.proof };
    const cookies = stepped.begun === undefined ? [] : [sessionCookie(stepped.begun)];
    return reply({ kind: stepped.kind }, { cookies });
  },
});

export const stepUpOperations: readonly Operation<StepUpServices>[] = [ask, prove];

/** @throws AccountError mfa.malformed */
function proofIn(
  method: StepUpProof['method'],
  said: Parameters<typeof proofOf>[1] & { password?: string | undefined },
): StepUpProof {
  if (method !== 'password') return proofOf(method, said);
  if (said.password !== undefined) return { method, password: said.password };
  throw new AccountError('mfa.malformed', 'send the password of your account as "password"');
}
