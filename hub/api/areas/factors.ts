// Wishes about what proves who somebody is arrive: passkeys, the authenticator app, recovery codes; secrets leave once, to whoever asked (security rows ).

import { z } from '@hono/zod-openapi';

import type { LoginCaller } from '../../accounts/caller.ts';
import type { Doer } from '../../accounts/factors/factor-news.ts';
import type { Factors } from '../../accounts/factors/factors.ts';
import type { Passkey, Passkeys } from '../../accounts/factors/passkeys.ts';
import type { RecoveryCodes } from '../../accounts/factors/recovery.ts';
import type { Totp, TotpState } from '../../accounts/factors/totp.ts';
import type { Logins } from '../../accounts/login/logins.ts';
import type { CookieChange } from '../doors/cookies.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { reply, type Reply } from '../operation/reply.ts';

export interface FactorServices {
  readonly factors: Pick<Factors, 'standingOf'>;
  readonly totp: Totp;
  readonly passkeys: Passkeys;
  readonly recovery: RecoveryCodes;
  readonly logins: Pick<Logins, 'renew'>;
}

const code = z.string().max(64).openapi({ description: 'Six digits, as the app shows them' });
const passkeyId = z.object({ id: z.string().max(64) });
const passkeyNameSchema = z.string().max(256);
/** JSON of the browser's PublicKeyCredential: read by hand, since every part of it is hostile. */
const credential = z
  .record(z.string(), z.unknown())
  .openapi({ description: 'PublicKeyCredential.toJSON()' });

const passkeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    is_backup_eligible: z.boolean(),
    is_backed_up: z.boolean(),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .openapi('Passkey');

const totpSchema = z
  .object({ created_at: z.iso.datetime(), confirmed_at: z.iso.datetime() })
  .openapi('AuthenticatorApp');

const list = operation({
  id: 'factors.list',
  method: 'get',
  path: '/account/factors',
  summary: 'What proves who you are, beside your password',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  response: z
    .object({
      methods: z.array(z.enum(['passkey', 'totp', 'recovery', 'email'])),
      passkeys: z.array(passkeySchema),
      totp: totpSchema.nullable(),
      recovery_codes_left: z.number().int(),
    })
    .openapi('Factors'),
  async run({ account }, _input, services: FactorServices) {
    const [standing, passkeys, totp, left] = await Promise.all([
      services.factors.standingOf(account.id),
      services.passkeys.list(account.id),
      services.totp.find(account.id),
      services.recovery.left(account.id),
    ]);
    return {
      methods: [...standing.methods],
      passkeys: passkeys.map(passkeyJson),
      totp: totp === undefined ? null : totpJson(totp),
      recovery_codes_left: left,
    };
  },
});

const startTotp = operation({
  id: 'totp.start',
  method: 'post',
  path: '/account/totp',
  summary: 'Begin with an authenticator app; the former one counts until a code confirms this one',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  isOpenWhileEnrolling: true,
  status: 201,
  response: z
    .object({
      secret: z.string().openapi({ description: 'Base32; in this answer and never again' }),
      uri: z.string().openapi({ description: 'otpauth://' }),
      qr: z.string().openapi({ description: 'The same as an SVG image' }),
    })
    .openapi('NewAuthenticatorApp'),
  async run({ account }, _input, { totp }: FactorServices) {
    const { secret, uri, qr } = await totp.start(account);
    return { secret, uri, qr };
  },
});

const confirmTotp = operation({
  id: 'totp.confirm',
  method: 'post',
  path: '/account/totp/confirm',
  summary: 'Confirm the authenticator app with its first code',
  auth: 'login',
  scope: 'none',
  // The code proves more than a step-up: only whoever was shown the new secret has it.
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  body: z.object({ code }),
  response: totpSchema,
  async run(caller, { body }, services: FactorServices) {
    const confirmed = await services.totp.confirm(caller.account.id, body.code, doerOf(caller));
    return enrolled(caller, services, totpJson(confirmed));
  },
});

const removeTotp = operation({
  id: 'totp.remove',
  method: 'delete',
  path: '/account/totp',
  summary: 'Remove the authenticator app, unless it is the last factor',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  async run(caller, _input, { totp }: FactorServices) {
    await totp.remove(caller.account.id, doerOf(caller));
  },
});

const offerPasskey = operation({
  id: 'passkeys.offer',
  method: 'post',
  path: '/account/passkeys/options',
  summary: 'What the browser needs to make a passkey',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  isOpenWhileEnrolling: true,
  response: z.looseObject({ challenge: z.string() }).openapi({
    description: 'For PublicKeyCredential.parseCreationOptionsFromJSON()',
  }),
  async run({ account, login }, _input, { passkeys }: FactorServices) {
    return { ...(await passkeys.offer(account, login.id)) };
  },
});

const registerPasskey = operation({
  id: 'passkeys.register',
  method: 'post',
  path: '/account/passkeys',
  summary: 'Keep the passkey that the browser has made',
  auth: 'login',
  scope: 'none',
  // It answers the challenge of passkeys.offer, which wanted the proof, and which this very login asked for.
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  status: 201,
  body: z.object({ name: passkeyNameSchema.default(''), response: credential }),
  response: passkeySchema,
  async run(caller, { body }, services: FactorServices) {
    const { account, login } = caller;
    const { name, response } = body;
    const options = { binding: login.id, name, doer: doerOf(caller) };
    const made = await services.passkeys.register(account.id, response, options);
    return enrolled(caller, services, passkeyJson(made));
  },
});

const renamePasskey = operation({
  id: 'passkeys.rename',
  method: 'patch',
  path: '/account/passkeys/{id}',
  summary: 'Call a passkey something else',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  params: passkeyId,
  body: z.object({ name: passkeyNameSchema }),
  response: passkeySchema,
  async run({ account }, { params, body }, { passkeys }: FactorServices) {
    return passkeyJson(await passkeys.rename(account.id, params.id, body.name));
  },
});

const removePasskey = operation({
  id: 'passkeys.remove',
  method: 'delete',
  path: '/account/passkeys/{id}',
  summary: 'Remove a passkey, unless it is the last factor',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  params: passkeyId,
  async run(caller, { params }, { passkeys }: FactorServices) {
    await passkeys.remove(caller.account.id, params.id, doerOf(caller));
  },
});

const renewRecoveryCodes = operation({
  id: 'recovery-codes.renew',
  method: 'post',
  path: '/account/recovery-codes',
  summary: 'Ten new recovery codes, in this answer and never again; the former ones are void',
  auth: 'login',
  scope: 'none',
  stepUp: 'destructive',
  isOpenWhileEnrolling: true,
  status: 201,
  response: z.object({ codes: z.array(z.string()) }).openapi('RecoveryCodes'),
  async run(caller, _input, { recovery }: FactorServices) {
    return { codes: [...(await recovery.regenerate(caller.account.id, doerOf(caller)))] };
  },
});

export const factorOperations: readonly Operation<FactorServices>[] = [
  list,
  startTotp,
  confirmTotp,
  removeTotp,
  offerPasskey,
  registerPasskey,
  renamePasskey,
  removePasskey,
  renewRecoveryCodes,
];

export function doerOf({ account, login, address, requestId }: LoginCaller): Doer {
  const actor = { id: account.id, name: account.username };
  return { actor, address, software: login.software, requestId };
}

/** A login that could do nothing but enrol is one like every other now, under a secret that nobody has seen before. */
async function enrolled<Body>(
  { account, login }: LoginCaller,
  { logins }: FactorServices,
  body: Body,
): Promise<Body | Reply<Body>> {
  if (login.restriction !== 'enrol') return body;
  const begun = await logins.renew(login, account, { restriction: null });
  if (begun === undefined || begun === 'renewed') return body;
  const maxAgeMs = Math.max(0, begun.login.endsAt.getTime() - Date.now());
  const cookie: CookieChange = { name: 'phlix_session', value: begun.secret, maxAgeMs };
  return reply(body, { cookies: [cookie] });
}

function passkeyJson(passkey: Passkey): z.input<typeof passkeySchema> {
  return {
    id: passkey.id,
    name: passkey.name,
    is_backup_eligible: passkey.isBackupEligible,
    is_backed_up: passkey.isBackedUp,
    created_at: passkey.createdAt.toISOString(),
    last_used_at: passkey.lastUsedAt?.toISOString() ?? null,
  };
}

function totpJson({ createdAt, confirmedAt }: TotpState): z.input<typeof totpSchema> {
  return { created_at: createdAt.toISOString(), confirmed_at: confirmedAt.toISOString() };
}
