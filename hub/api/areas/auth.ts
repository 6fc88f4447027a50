// Proofs of who somebody is arrive; the cookies of a login leave, or the question for the next proof (rows ).

import { z } from '@hono/zod-openapi';

import { AccountError } from '../../accounts/account-error.ts';
import type { Factors, Proof } from '../../accounts/factors/factors.ts';
import type { TrustedBrowsers } from '../../accounts/factors/trusted-browsers.ts';
import type { Logins } from '../../accounts/login/logins.ts';
import type { SignIn, SignInOutcome } from '../../accounts/login/sign-in.ts';
import { softwareOf } from '../../accounts/login/software.ts';
import type { Travel } from '../../accounts/login/travel.ts';
import type { Audit } from '../../audit/audit.ts';
import type { CookieChange } from '../doors/cookies.ts';
import { operation, type Input, type Operation } from '../operation/operation.ts';
import { reply, type Reply } from '../operation/reply.ts';
import { enteredCookies, trustCookie, visitOf } from '../doors/visit.ts';

export interface AuthServices {
  readonly signIn: SignIn;
  readonly logins: Logins;
  readonly factors: Pick<Factors, 'askPasskey'>;
  readonly trustedBrowsers: Pick<TrustedBrowsers, 'trust'>;
  readonly travel: Pick<Travel, 'countryOf'>;
  readonly audit: Audit;
}

/** Row A-01: a password has at most 256 characters of at most four bytes; what is around it is short. */
export const passwordBodyBytes = 8192;

/** What an authenticator signed; hostile until it is verified. */
export const passkeyResponse = z.record(z.string(), z.unknown());

export const code = z.string().max(64);

/** `done`: the cookies are set. `factor`: one of `methods` comes next. */
export const stepSchema = z
  .object({
    kind: z.enum(['done', 'factor']),
    methods: z.array(z.enum(['passkey', 'totp', 'recovery', 'email'])),
    /** The login may do nothing but make the account safe: enrol a factor, or set a password. */
    restriction: z.enum(['enrol']).nullable(),
  })
  .openapi('SignInStep');

type Step = z.input<typeof stepSchema>;

const login = operation({
  id: 'auth.login',
  method: 'post',
  path: '/auth/login',
  summary: 'Sign in with a user name or a proven e-mail address, and a password',
  description:
    'An unknown name, a wrong password and a suspended account are answered alike. Too many failures are answered with 429 and Retry-After.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  bodyBytes: passwordBodyBytes,
  body: z.strictObject({ username: z.string().min(1).max(254), password: z.string().max(1024) }),
  response: stepSchema,
  async run(caller, input, { signIn, logins }: AuthServices) {
    const { username: name, password } = input.body;
    const outcome = await signIn.withPassword({ name, password }, visitOf(caller, input));
    return stepOf(outcome, { formerly: caller, logins });
  },
});

const askPasskey = operation({
  id: 'auth.ask-passkey',
  method: 'post',
  path: '/auth/passkey/options',
  summary: 'What a browser asks its authenticators to sign in with a passkey, without a name',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  response: z.looseObject({}),
  async run(_caller, _input, { signIn, factors }: AuthServices) {
    const { transaction, secret } = await signIn.begin();
    const question = await factors.askPasskey(transaction.id);
    return reply({ ...question }, { cookies: [{ name: 'phlix_login', value: secret }] });
  },
});

const passkey = operation({
  id: 'auth.passkey',
  method: 'post',
  path: '/auth/passkey',
  summary: 'Sign in with the passkey that was asked for',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  body: z.strictObject({ response: passkeyResponse }),
  response: stepSchema,
  async run(caller, input, { signIn, logins }: AuthServices) {
    const secret = input.cookies.get('phlix_login');
    const visit = visitOf(caller, input);
    const outcome = await signIn.withPasskey(secret, input.body.response, visit);
    return stepOf(outcome, { formerly: caller, logins });
  },
});

const askFactor = operation({
  id: 'auth.ask-factor-passkey',
  method: 'post',
  path: '/auth/mfa/passkey/options',
  summary: 'What a browser asks its authenticators after the password',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  response: z.looseObject({}),
  async run(_caller, { cookies }, { signIn, factors }: AuthServices) {
    const { id, accountId } = await signIn.transactionOf(cookies.get('phlix_login'));
    return { ...(await factors.askPasskey(id, accountId)) };
  },
});

const trust_browser = z.boolean().optional().openapi({
  description: 'Ask for no second factor on this browser for 30 days',
});

const factor = operation({
  id: 'auth.factor',
  method: 'post',
  path: '/auth/mfa/{method}',
  summary: 'The second proof: a code, or the answer of a passkey',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  params: z.object({ method: z.enum(['passkey', 'totp', 'recovery', 'email']) }),
  body: z.strictObject({
    code: code.optional(),
    response: passkeyResponse.optional(),
    trust_browser,
  }),
  response: stepSchema,
  async run(caller, input, { signIn, logins, trustedBrowsers, travel }: AuthServices) {
    const { params, body, cookies, userAgent } = input;
    const proof = proofOf(params.method, body);
    const outcome = await signIn.withFactor(
      cookies.get('phlix_login'),
      proof,
      visitOf(caller, input),
    );
    const isTrusted =
      body.trust_browser === true && outcome.kind === 'done' && params.method !== 'recovery';
    if (!isTrusted) return stepOf(outcome, { formerly: caller, logins });
    const software = softwareOf(userAgent);
    const country = await travel.countryOf(caller.address);
    const surroundings = { software, country };
    const trust = trustCookie(await trustedBrowsers.trust(outcome.account.id, surroundings));
    return stepOf(outcome, { formerly: caller, logins, cookies: [trust] });
  },
});

const recovery = operation({
  id: 'auth.recovery',
  method: 'post',
  path: '/auth/recovery',
  summary: 'Sign in with a recovery code alone, where the account has no password',
  description:
    'The code is used up. The login may do nothing but make the account safe again. Who has a password is asked for that first, and answered here as a stranger is.',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  body: z.strictObject({ username: z.string().min(1).max(254), code }),
  response: stepSchema,
  async run(caller, input, { signIn, logins }: AuthServices) {
    const { username: name, code } = input.body;
    const entered = await signIn.withRecoveryCode({ name, code }, visitOf(caller, input));
    return stepOf(entered, { formerly: caller, logins });
  },
});

const logout = operation({
  id: 'auth.logout',
  method: 'post',
  path: '/auth/logout',
  summary: 'End this login, here and on the hub',
  auth: 'nobody',
  scope: 'none',
  stepUp: 'none',
  async run(caller, _input: Input<unknown, unknown, unknown>, { logins, audit }: AuthServices) {
    if (caller.kind === 'login') {
      const { account, login: ended, address, requestId } = caller;
      await logins.end(ended);
      const actor = { id: account.id, name: account.username };
      const said = { event: 'login.ended', target: ended.id, result: 'ok' } as const;
      audit.note({ ...said, actor, address, requestId });
    }
    return reply(undefined, { cookies: [{ name: 'phlix_session', value: undefined }] });
  },
});

export const authOperations: readonly Operation<AuthServices>[] = [
  login,
  askPasskey,
  passkey,
  askFactor,
  factor,
  recovery,
  logout,
];

/**
 * A browser that was signed in, and signs in anew, leaves no login behind that nobody holds a cookie of.
 */
export async function stepOf(
  outcome: SignInOutcome,
  context: {
    formerly: Parameters<typeof visitOf>[0];
    logins: Pick<Logins, 'end'>;
    cookies?: readonly CookieChange[];
  },
): Promise<Reply<Step>> {
  if (outcome.kind === 'factor') {
    const { methods, transaction } = outcome;
    const step: Step = { kind: 'factor', methods: [...methods], restriction: null };
    return reply(step, { cookies: [{ name: 'phlix_login', value: transaction }] });
  }
  const { formerly, logins, cookies = [] } = context;
  if (formerly.kind === 'login') await logins.end(formerly.login);
  const restriction = outcome.login.restriction ?? null;
  const step: Step = { kind: 'done', methods: [], restriction };
  return reply(step, { cookies: [...enteredCookies(outcome), ...cookies] });
}

/** @throws AccountError mfa.malformed */
export function proofOf(
  method: Proof['method'],
  said: { code?: string | undefined; response?: Record<string, unknown> | undefined },
): Proof {
  if (method === 'passkey' && said.response !== undefined) {
    return { method, response: said.response };
  }
  if (method !== 'passkey' && said.code !== undefined) return { method, code: said.code };
  const what = method === 'passkey' ? 'the answer of a passkey as "response"' : 'a "code"';
  throw new AccountError('mfa.malformed', `send ${what}`);
}
