// Wishes about tokens and about devices that wait to be let in arrive; a token's text leaves once, everything else as often as its owner asks (security rows A-16, B-05).

import { z } from '@hono/zod-openapi';

import { addressBucket } from '../../../shared/net-address.ts';
import type { Caller } from '../../accounts/caller.ts';
import type { DeviceGrant } from '../../accounts/tokens/device-grant.ts';
import type { DeviceRequest } from '../../accounts/tokens/device-request.ts';
import { scopes } from '../../accounts/tokens/scope.ts';
import type { Token } from '../../accounts/tokens/token.ts';
import type { Tokens } from '../../accounts/tokens/tokens.ts';
import { readUserCode, showUserCode } from '../../accounts/tokens/user-code.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from '../operation/page.ts';

export interface TokenServices {
  readonly tokens: Tokens;
  readonly devices: DeviceGrant;
}

const dayMs = 24 * 60 * 60 * 1000;

const tokenSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['personal', 'device']),
    name: z.string(),
    scopes: z.array(z.enum(scopes)),
    networks: z.array(z.string()),
    app: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
    last_used_from: z.string().nullable(),
  })
  .openapi('Token');

const tokenId = z.object({ id: z.string().max(64) });

const list = operation({
  id: 'tokens.list',
  method: 'get',
  path: '/tokens',
  summary: 'Your tokens and devices, the newest first',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  query: pageQuery.extend({ kind: z.enum(['personal', 'device']).optional() }),
  response: listOf(tokenSchema),
  async run({ account }, { query }, { tokens }: TokenServices) {
    const [after] = placeOf(query, 1) ?? [];
    const all = await tokens.list(account.id);
    const rest = all.filter(
      (token) =>
        (query.kind === undefined || token.kind === query.kind) &&
        (after === undefined || placeIn(token) > after),
    );
    rest.sort((one, other) => (placeIn(one) < placeIn(other) ? -1 : 1));
    return pageOf(rest, query, { keyOf: (token) => [placeIn(token)], itemOf: tokenJson });
  },
});

const create = operation({
  id: 'tokens.create',
  method: 'post',
  path: '/tokens',
  summary: 'Make a personal token; its text is in this answer and never again',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  status: 201,
  body: z.object({
    name: z.string().max(256),
    scopes: z.array(z.enum(scopes)).max(scopes.length),
    expires_in_days: z
      .number()
      .min(0)
      .max(10_000)
      .optional()
      .openapi({ description: '90 if left out' }),
    networks: z.array(z.string().max(64)).max(100).optional(),
  }),
  response: tokenSchema.extend({ token: z.string() }).openapi('NewToken'),
  async run(caller, { body }, { tokens }: TokenServices) {
    const { name, networks, expires_in_days: days } = body;
    const lifeMs = days === undefined ? undefined : days * dayMs;
    const wish = { name, scopes: body.scopes, networks, lifeMs };
    const { token, text } = await tokens.create(caller, wish);
    return { ...tokenJson(token), token: text };
  },
});

const rename = operation({
  id: 'tokens.rename',
  method: 'patch',
  path: '/tokens/{id}',
  summary: 'Call a token or a device something else',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  params: tokenId,
  body: z.object({ name: z.string().max(256) }),
  response: tokenSchema,
  async run(caller, { params, body }, { tokens }: TokenServices) {
    return tokenJson(await tokens.rename(caller, params.id, body.name));
  },
});

const revoke = operation({
  id: 'tokens.revoke',
  method: 'delete',
  path: '/tokens/{id}',
  summary: 'Revoke a token or a device; whoever uses it is cut off within a second',
  auth: 'login',
  scope: 'none',
  // Whoever fears that a token is out should not have to look for the telephone first.
  stepUp: 'none',
  params: tokenId,
  async run(caller, { params }, { tokens }: TokenServices) {
    await tokens.revoke(caller, params.id);
  },
});

const deviceSchema = z
  .object({
    user_code: z.string(),
    device_name: z.string(),
    app: z.string(),
    scopes: z.array(z.enum(scopes)),
    address: z.string().nullable().openapi({ description: 'From where the device asks' }),
    is_same_network: z.boolean().openapi({
      description: 'false: it does not ask from where you are; be sure that it is yours',
    }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('WaitingDevice');

const userCode = z.object({
  user_code: z
    .string()
    .max(64)
    .openapi({ description: 'As the device shows it: case, spaces and dashes do not count' }),
});

const look = operation({
  id: 'devices.lookup',
  method: 'post',
  path: '/devices/lookup',
  summary: 'Which device waits with this code',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  body: userCode,
  response: deviceSchema,
  async run(caller, { body }, { devices }: TokenServices) {
    return deviceJson(await devices.look(caller, body.user_code), caller, body);
  },
});

const approve = operation({
  id: 'devices.approve',
  method: 'post',
  path: '/devices/approve',
  summary: 'Let the device in that shows this code',
  auth: 'login',
  scope: 'none',
  stepUp: 'config',
  body: userCode,
  response: deviceSchema,
  async run(caller, { body }, { devices }: TokenServices) {
    return deviceJson(await devices.approve(caller, body.user_code), caller, body);
  },
});

const deny = operation({
  id: 'devices.deny',
  method: 'post',
  path: '/devices/deny',
  summary: 'Send the device away that shows this code',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  body: userCode,
  response: deviceSchema,
  async run(caller, { body }, { devices }: TokenServices) {
    return deviceJson(await devices.deny(caller, body.user_code), caller, body);
  },
});

export const tokenOperations: readonly Operation<TokenServices>[] = [
  list,
  create,
  rename,
  revoke,
  look,
  approve,
  deny,
];

/** Grows along the list, which has the newest first. */
function placeIn({ createdAt, id }: Token): string {
  const age = String(Number.MAX_SAFE_INTEGER - createdAt.getTime()).padStart(16, '0');
  return `${age}${id}`;
}

function tokenJson(token: Token): z.input<typeof tokenSchema> {
  return {
    id: token.id,
    kind: token.kind,
    name: token.name,
    scopes: [...token.scopes],
    networks: [...token.networks],
    app: token.app ?? null,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    last_used_from: token.lastUsedFrom ?? null,
  };
}

function deviceJson(
  request: DeviceRequest,
  caller: Pick<Caller, 'address'>,
  typed: { readonly user_code: string },
): z.input<typeof deviceSchema> {
  return {
    user_code: showUserCode(readUserCode(typed.user_code) ?? ''),
    device_name: request.deviceName,
    app: request.app,
    scopes: [...request.scopes],
    address: request.address ?? null,
    is_same_network: isSameNetwork(request.address, caller.address),
    created_at: request.createdAt.toISOString(),
    expires_at: request.expiresAt.toISOString(),
  };
}

/** A household has one IPv4 address, or one /64. What is not known is not the same. */
function isSameNetwork(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return addressBucket(one) === addressBucket(other);
}
