// Wishes about identity providers, and about who opens an account by one, arrive; they leave done, and no client secret with them (row A-06).

import { z } from '@hono/zod-openapi';

import type { Logins } from '../../accounts/login/logins.ts';
import { AccountError } from '../../accounts/account-error.ts';
import type { LocalLogin } from '../../accounts/sso/identity.ts';
import type { SsoLink } from '../../accounts/sso/link.ts';
import type { SsoLinks } from '../../accounts/sso/links.ts';
import { presetNames } from '../../accounts/sso/presets.ts';
import type { Provider } from '../../accounts/sso/provider.ts';
import type { Providers, ProviderWish } from '../../accounts/sso/providers.ts';
import type { SsoLogout } from '../../accounts/sso/sso-logout.ts';
import type { Departure, Sso } from '../../accounts/sso/sso.ts';
import { transactionMs } from '../../accounts/sso/transaction.ts';
import type { StepUp } from '../../accounts/step-up/step-up.ts';
import { noted } from '../../accounts/noted.ts';
import type { Audit } from '../../audit/audit.ts';
import type { CookieChange } from '../doors/cookies.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { reply } from '../operation/reply.ts';

export interface SsoServices {
  readonly providers: Providers;
  readonly sso: Sso;
  readonly ssoLinks: SsoLinks;
  readonly ssoLogout: SsoLogout;
  readonly stepUp: Pick<StepUp, 'challengeOf'>;
  readonly logins: Pick<Logins, 'end'>;
  readonly localLogin: Pick<LocalLogin, 'isOpen'>;
  readonly audit: Audit;
}

const words = z.array(z.string().max(256)).max(100);
const roleMap = z.strictObject({ admin: words, owner: words, member: words });

const settable = z.strictObject({
  name: z.string().max(64).optional(),
  client_id: z.string().max(256).optional(),
  client_secret: z.string().max(1000).nullable().optional().openapi({
    description: 'Is never told again; null takes it away, left out it stays',
  }),
  scopes: words.optional(),
  groups_claim: z.string().max(128).optional(),
  role_map: roleMap.optional(),
  mfa: z.strictObject({ acr: words, amr: words }).optional(),
  links_by_email: z.boolean().optional(),
  creates_accounts: z.boolean().optional(),
  allow_private: z.boolean().optional(),
  allow: words.optional(),
  is_enabled: z.boolean().optional(),
});

const providerSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    preset: z.enum(presetNames),
    issuer: z.string(),
    client_id: z.string(),
    has_secret: z.boolean(),
    redirect_uri: z.string().openapi({ description: 'To be entered at the provider' }),
    back_channel_logout_uri: z.string(),
    scopes: words,
    groups_claim: z.string(),
    role_map: roleMap,
    mfa: z.object({ acr: words, amr: words }),
    links_by_email: z.boolean(),
    creates_accounts: z.boolean(),
    allow_private: z.boolean(),
    allow: words,
    is_enabled: z.boolean(),
    created_at: z.iso.datetime(),
    answered_at: z.iso.datetime().nullable(),
  })
  .openapi('IdentityProvider');

const providerId = z.object({ id: z.string().max(32) });

const list = operation({
  id: 'sso.list',
  method: 'get',
  path: '/admin/sso/providers',
  summary: 'Identity providers, and how they are set up',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  response: z.object({ items: z.array(providerSchema) }),
  async run(_caller, _input, { providers }: SsoServices) {
    const all = await providers.list();
    return { items: all.map((provider) => providerJson(provider, providers)) };
  },
});

const add = operation({
  id: 'sso.add',
  method: 'post',
  path: '/admin/sso/providers',
  summary: 'Let people sign in with an identity provider',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  status: 201,
  body: settable.extend({
    id: z.string().max(32),
    preset: z.enum(presetNames),
    issuer: z.string().max(500),
    client_id: z.string().max(256),
  }),
  response: providerSchema,
  async run(caller, { body }, { providers }: SsoServices) {
    const { id, preset, issuer, client_id: clientId } = body;
    const wish = { ...wishOf(body), id, preset, issuer, clientId };
    return providerJson(await providers.add(wish, caller), providers);
  },
});

const change = operation({
  id: 'sso.change',
  method: 'patch',
  path: '/admin/sso/providers/{id}',
  summary: 'Change how an identity provider is set up',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: providerId,
  body: settable,
  response: providerSchema,
  async run(caller, { params, body }, { providers }: SsoServices) {
    const changed = await providers.change(params.id, wishOf(body), caller);
    return providerJson(changed, providers);
  },
});

const remove = operation({
  id: 'sso.remove',
  method: 'delete',
  path: '/admin/sso/providers/{id}',
  summary: 'Forget an identity provider, and everybody who came by it',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  params: providerId,
  async run(caller, { params }, { providers }: SsoServices) {
    await providers.remove(params.id, caller);
  },
});

const test = operation({
  id: 'sso.test',
  method: 'post',
  path: '/admin/sso/providers/{id}/test',
  summary: "Read the provider's documents and keys now",
  auth: 'admin',
  scope: 'none',
  stepUp: 'none',
  params: providerId,
  response: providerSchema,
  async run(_caller, { params }, { providers }: SsoServices) {
    await providers.test(params.id);
    return providerJson(await providers.require(params.id), providers);
  },
});

/** A way out of this site: the page goes there. */
const departure = z.object({ location: z.string() }).openapi('Departure');

const link = operation({
  id: 'sso.link',
  method: 'post',
  path: '/account/sso-links/{id}',
  summary: 'Begin to link your account to a provider: go to `location`',
  description:
    'Where providers are the only way in (HUB_LOCAL_LOGIN=off), a new account may begin with this, and comes back signed in by it.',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  isOpenWhileEnrolling: true,
  params: providerId,
  response: departure,
  async run({ account, login }, { params }, { sso, localLogin }: SsoServices) {
    const errand = { kind: 'link', accountId: account.id, loginId: login.id } as const;
    const isEnrolling = login.restriction === 'enrol';
    if (isEnrolling && (await localLogin.isOpen())) throw factorFirst();
    const after = isEnrolling ? `/auth/oidc/${params.id}/start` : '/security';
    return leaving(await sso.begin(params.id, errand, after));
  },
});

const linkSchema = z
  .object({
    id: z.uuid(),
    provider_id: z.string(),
    name: z.string().nullable(),
    linked_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .openapi('SsoLink');

const links = operation({
  id: 'sso.links',
  method: 'get',
  path: '/account/sso-links',
  summary: 'Which providers open your account',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  response: z.object({ items: z.array(linkSchema) }),
  async run({ account }, _input, { ssoLinks }: SsoServices) {
    return { items: (await ssoLinks.listOf(account.id)).map(linkJson) };
  },
});

const unlink = operation({
  id: 'sso.unlink',
  method: 'delete',
  path: '/account/sso-links/{id}',
  summary: 'Let a provider open your account no more',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  params: z.object({ id: z.uuid() }),
  async run(caller, { params }, { ssoLinks }: SsoServices) {
    await ssoLinks.remove(caller, params.id);
  },
});

const stepUp = operation({
  id: 'sso.step-up',
  method: 'post',
  path: '/auth/step-up/{challenge_id}/sso/{id}',
  summary: 'Prove at your provider that it is you: go to `location`',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  params: z.object({ challenge_id: z.uuid(), id: z.string().max(32) }),
  body: z.strictObject({ return_to: z.string().max(200).optional() }),
  response: departure,
  async run({ account, login }, { params, body }, services: SsoServices) {
    const challenge = await services.stepUp.challengeOf(login, params.challenge_id);
    const errand = {
      kind: 'step-up',
      accountId: account.id,
      loginId: login.id,
      challengeId: challenge.id,
    } as const;
    return leaving(await services.sso.begin(params.id, errand, body.return_to));
  },
});

const logout = operation({
  id: 'sso.logout',
  method: 'post',
  path: '/auth/sso/logout',
  summary: 'Sign out here and, where this login began there, at the provider: go to `location`',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  isOpenWhileEnrolling: true,
  response: departure,
  async run(caller, _input, { ssoLogout, logins, audit }: SsoServices) {
    const { login } = caller;
    const location = (await ssoLogout.endSessionUrl(login)) ?? '/sign-in';
    await logins.end(login);
    const said = { event: 'login.ended', target: caller.login.id, method: 'sso' } as const;
    audit.note({ ...noted(caller), ...said, result: 'ok' });
    return reply({ location }, { cookies: [{ name: 'phlix_session', value: undefined }] });
  },
});

export const ssoOperations: readonly Operation<SsoServices>[] = [
  list,
  add,
  change,
  remove,
  test,
  link,
  links,
  unlink,
  stepUp,
  logout,
];

function factorFirst(): AccountError {
  return new AccountError(
    'login.restricted',
    'make a passkey or set a password first, then link a provider under Security',
  );
}

/** For as long as the way there and back may take. */
export function oidcCookie({ secret }: Departure): CookieChange {
  return { name: 'phlix_oidc', value: secret, maxAgeMs: transactionMs };
}

function leaving(departure: Departure) {
  return reply({ location: departure.url }, { cookies: [oidcCookie(departure)] });
}

function wishOf(body: z.output<typeof settable>): ProviderWish {
  return {
    name: body.name,
    clientId: body.client_id,
    secret: body.client_secret,
    scopes: body.scopes,
    groupsClaim: body.groups_claim,
    roleMap: body.role_map,
    mfa: body.mfa,
    linksByEmail: body.links_by_email,
    createsAccounts: body.creates_accounts,
    allowPrivate: body.allow_private,
    allow: body.allow,
    isEnabled: body.is_enabled,
  };
}

function providerJson(provider: Provider, providers: Providers): z.input<typeof providerSchema> {
  const { roleMap: map, mfa } = provider;
  const redirectUri = providers.redirectUri(provider);
  return {
    id: provider.id,
    name: provider.name,
    preset: provider.preset,
    issuer: provider.issuer,
    client_id: provider.clientId,
    has_secret: provider.sealedSecret !== undefined,
    redirect_uri: redirectUri,
    back_channel_logout_uri: redirectUri.replace(/callback$/, 'back-channel-logout'),
    scopes: [...provider.scopes],
    groups_claim: provider.groupsClaim,
    role_map: { admin: [...map.admin], owner: [...map.owner], member: [...map.member] },
    mfa: { acr: [...mfa.acr], amr: [...mfa.amr] },
    links_by_email: provider.linksByEmail,
    creates_accounts: provider.createsAccounts,
    allow_private: provider.allowPrivate,
    allow: [...provider.allow],
    is_enabled: provider.isEnabled,
    created_at: provider.createdAt.toISOString(),
    answered_at: provider.answeredAt?.toISOString() ?? null,
  };
}

function linkJson(link: SsoLink): z.input<typeof linkSchema> {
  return {
    id: link.id,
    provider_id: link.providerId,
    name: link.name ?? null,
    linked_at: link.linkedAt.toISOString(),
    last_used_at: link.lastUsedAt?.toISOString() ?? null,
  };
}
