// Wishes for letters arrive, and what people bring back of them: codes, links to prove an address, links to choose another password (row A-04; section 4.3, #71).

import { z } from '@hono/zod-openapi';

import type { ForgottenPasswords } from '../../accounts/email/forgotten.ts';
import type { EmailVerification } from '../../accounts/email/verification.ts';
import type { Factors } from '../../accounts/factors/factors.ts';
import type { SignIn } from '../../accounts/login/sign-in.ts';
import type { StepUp } from '../../accounts/step-up/step-up.ts';
import { NoticeError } from '../../notices/notice-error.ts';
import { passwordBodyBytes } from './auth.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { visitOf } from '../doors/visit.ts';

export interface EmailServices {
  readonly signIn: Pick<SignIn, 'transactionOf'>;
  readonly stepUp: Pick<StepUp, 'challengeOf'>;
  readonly factors: Pick<Factors, 'sendCode'>;
  readonly emailVerification: EmailVerification;
  readonly forgottenPasswords: ForgottenPasswords;
  readonly postbox: { readonly isThere: boolean };
}

const token = z.string().max(128);

const sendCode = operation({
  id: 'auth.send-code',
  method: 'post',
  path: '/auth/mfa/email/send',
  summary: 'A code by mail after the password, to the proven address, for this sign-in alone',
  description:
    'Answered alike whether the account has such an address or not. Three within ten minutes for one account.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  async run(caller, input, { signIn, factors }: EmailServices) {
    const { id, accountId } = await signIn.transactionOf(input.cookies.get('phlix_login'));
    // Nobody was named yet: a passkey would say who it is, and mail cannot.
    if (accountId === undefined) await signIn.transactionOf(undefined);
    else await factors.sendCode(accountId, id, visitOf(caller, input));
  },
});

const sendStepUpCode = operation({
  id: 'step-up.send-code',
  method: 'post',
  path: '/auth/step-up/{challenge_id}/email/send',
  summary: 'A code by mail to prove that it is you',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  params: z.object({ challenge_id: z.uuid() }),
  async run(caller, input, { stepUp, factors }: EmailServices) {
    const { account, login } = caller;
    await stepUp.challengeOf(login, input.params.challenge_id);
    await factors.sendCode(account.id, login.id, visitOf(caller, input));
  },
});

const sendLink = operation({
  id: 'account.send-verification',
  method: 'post',
  path: '/account/email/verification',
  summary: 'A letter to your address, with a link that confirms it',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  async run(caller, input, { emailVerification, postbox }: EmailServices) {
    requireMail(postbox);
    await emailVerification.send(caller.account, visitOf(caller, input));
  },
});

const verify = operation({
  id: 'auth.verify-email',
  method: 'post',
  path: '/auth/email/verify',
  summary: 'Confirm an address by what stands behind # in the link that was sent there',
  description: 'In whichever browser: it proves the mailbox, and signs nobody in.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  body: z.strictObject({ token }),
  response: z.object({ username: z.string(), email: z.string() }),
  async run(caller, input, { emailVerification }: EmailServices) {
    const { username, email = '' } = await emailVerification.prove(
      input.body.token,
      visitOf(caller, input),
    );
    return { username, email };
  },
});

const forgotten = operation({
  id: 'auth.forgot-password',
  method: 'post',
  path: '/auth/password/forgotten',
  summary: 'A letter with a link to choose another password, to the proven address of an account',
  description:
    'Answered alike, and as soon, whether there is such an account or not. The link works once, within 30 minutes.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  body: z.strictObject({
    /** Or its proven e-mail address. PostgreSQL takes no text with a zero in it. */
    username: z
      .string()
      .min(1)
      .max(254)
      .regex(/^\P{Cc}+$/u),
  }),
  async run(caller, input, { forgottenPasswords, postbox }: EmailServices) {
    requireMail(postbox);
    await forgottenPasswords.ask(input.body.username, visitOf(caller, input));
  },
});

const reset = operation({
  id: 'auth.reset-password',
  method: 'post',
  path: '/auth/password/reset',
  summary: 'Choose another password by what stands behind # in the link that was sent',
  description:
    'Ends every login and signs nobody in: a second factor is asked for at the next sign-in as before.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  bodyBytes: passwordBodyBytes,
  body: z.strictObject({ token, new_password: z.string().max(1024) }),
  async run(caller, input, { forgottenPasswords }: EmailServices) {
    const { token: secret, new_password: password } = input.body;
    await forgottenPasswords.choose(secret, password, visitOf(caller, input));
  },
});

export const emailOperations: readonly Operation<EmailServices>[] = [
  sendCode,
  sendStepUpCode,
  sendLink,
  verify,
  forgotten,
  reset,
];

/** @throws NoticeError mail.off */
function requireMail({ isThere }: EmailServices['postbox']): void {
  if (isThere) return;
  throw new NoticeError('mail.off', 'this hub sends no mail: ask whoever runs it');
}
