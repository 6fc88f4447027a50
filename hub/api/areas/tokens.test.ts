import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { openTokenDoor, origin, type TokenDoor } from '../../../test/support/token-door.ts';
import { TokenWorld } from '../../../test/support/token-world.ts';
import { scopes } from '../../accounts/tokens/scope.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { tokenOperations, type TokenServices } from './tokens.ts';

/** One that each scope opens, with nothing behind it: what the table below knocks at. */
const scoped: readonly Operation<TokenServices>[] = scopes.map((scope) =>
  operation({
    id: `scoped.${scope.replace(':', '-')}`,
    method: 'get',
    path: `/scoped/${scope.replace(':', '-')}`,
    summary: 'A test',
    auth: 'login',
    scope,
    stepUp: 'none',
    run: async () => {},
  }),
);
const anyKind = Object.values(databaseKinds)[0];
let opened: TestDatabase;
let world: TokenWorld;
let door: TokenDoor;

beforeAll(async () => {
  if (anyKind === undefined) throw new Error('no database');
  opened = await anyKind();
});
afterAll(() => opened.close());
beforeEach(async () => {
  world = new TokenWorld(opened.database);
  door = await openTokenDoor(world, scoped);
  door.logins.set('browser', world.caller());
});
afterEach(() => door.close());

type Body = { [name: string]: unknown };

async function call(
  method: string,
  path: string,
  { body, token, fields }: { body?: Body; token?: string; fields?: Record<string, string> } = {},
): Promise<{ status: number; json: Body }> {
  const headers = {
    ...(token === undefined
      ? { cookie: '__Host-phlix_session=browser', origin }
      : { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...fields,
  };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(`${door.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, json: text === '' ? {} : (JSON.parse(text) as Body) };
}

async function make(wish: Body = {}): Promise<{ id: string; token: string }> {
  const body = { name: 'script', scopes: ['account:read'], ...wish };
  const { status, json } = await call('POST', '/api/v1/tokens', { body });
  expect(status).toBe(201);
  return json as { id: string; token: string };
}

test('a token is shown once, behind a step-up, and listed without its text', async () => {
  const { id, token } = await make({ expires_in_days: 7, networks: ['192.0.2.0/24'] });
  expect(token).toMatch(/^phx_pat_[0-9A-Za-z]{8}_[\w-]{43}[0-9A-Za-z]{6}$/);
  expect(door.provenActions).toEqual(['tokens.create']);
  const { json } = await call('GET', '/api/v1/tokens', { token });
  expect(json).toMatchObject({ items: [{ id, name: 'script', kind: 'personal' }] });
  expect(JSON.stringify(json)).not.toContain(token.slice(17, 60));
});

test('the matrix of scopes: each opens its own operations and no other', async () => {
  door.logins.set('browser', world.caller(world.account({ role: 'admin' })));
  for (const held of scopes) {
    const { token } = await make({ scopes: [held] });
    for (const asked of scopes) {
      const { status, json } = await call('GET', `/api/v1/scoped/${asked.replace(':', '-')}`, {
        token,
      });
      const right = held === asked ? [204, undefined] : [403, 'api.scope'];
      expect([held, asked, status, json['code']]).toEqual([held, asked, ...right]);
    }
  }
});

test('a token makes, renames and revokes no token and lets no device in, whatever it holds', async () => {
  const { id, token } = await make({
    scopes: scopes.filter((scope) => !/admin|audit/.test(scope)),
  });
  const changing = tokenOperations.filter(({ method }) => method !== 'get');
  expect(changing).toHaveLength(6);
  for (const { method, path } of changing) {
    const body = { name: 'x', scopes: ['account:read'], user_code: 'BBBB-BBBB' };
    const answer = await call(method.toUpperCase(), `/api/v1${path.replace('{id}', id)}`, {
      token,
      body,
    });
    expect(answer).toMatchObject({ status: 403, json: { code: 'api.scope' } });
  }
});

test('in the address a token is refused, whatever else the request bears', async () => {
  const { token } = await make();
  for (const query of [`access_token=${token}`, `x=${token}`, `t=%70hx_pat_${token.slice(8)}`])
    for (const bearer of [undefined, token]) {
      const asked = bearer === undefined ? {} : { token: bearer };
      const { status, json } = await call('GET', `/api/v1/tokens?${query}`, asked);
      expect([status, json['code']]).toEqual([401, 'api.token-in-address']);
      expect(JSON.stringify(json)).not.toContain(token.slice(17, 60));
    }
});

test('a mistyped, an unknown and a revoked token are told alike', async () => {
  const { id, token } = await make();
  const mistyped = await call('GET', '/api/v1/tokens', { token: `${token.slice(0, -1)}-` });
  expect(mistyped).toMatchObject({ status: 401, json: { code: 'token.invalid' } });
  expect(await call('DELETE', `/api/v1/tokens/${id}`)).toMatchObject({ status: 204 });
  const revoked = await call('GET', '/api/v1/tokens', { token });
  expect(revoked).toMatchObject({ status: 401, json: { detail: mistyped.json['detail'] } });
});

test('from outside its networks a token is refused with the remedy', async () => {
  const { token } = await make({ networks: ['192.0.2.0/24'] });
  door.address = '198.51.100.1';
  const { status, json } = await call('GET', '/api/v1/tokens', { token });
  expect([status, json['code']]).toEqual([401, 'token.network']);
});

test('another account’s token cannot be renamed or revoked', async () => {
  const { id, token } = await make();
  door.logins.set('browser', world.caller());
  for (const method of ['DELETE', 'PATCH']) {
    const answer = await call(method, `/api/v1/tokens/${id}`, { body: { name: 'mine' } });
    expect(answer).toMatchObject({ status: 404, json: { code: 'token.unknown' } });
  }
  expect((await call('GET', '/api/v1/tokens', { token })).status).toBe(200);
});

test('a long list comes in pages that repeat and skip nothing', async () => {
  const made = [];
  for (let count = 0; count < 7; count++) {
    world.pass(count % 2);
    made.push((await make({ name: `number ${count}` })).id);
  }
  const seen: string[] = [];
  let cursor: unknown = null;
  do {
    const after = typeof cursor === 'string' ? `&cursor=${cursor}` : '';
    const { json } = await call('GET', `/api/v1/tokens?kind=personal&limit=3${after}`);
    seen.push(...(json['items'] as { id: string }[]).map(({ id }) => id));
    cursor = json['next_cursor'];
  } while (cursor !== null);
  expect(new Set(seen)).toEqual(new Set(made));
  expect(seen).toHaveLength(made.length);
});

test('a page of another site makes no token', async () => {
  for (const fields of [
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example.test' },
    { origin: 'null' },
  ]) {
    const body = { name: 'stolen', scopes: ['account:read'] };
    const { status, json } = await call('POST', '/api/v1/tokens', { body, fields });
    expect([status, json['code']]).toEqual([403, 'api.same-site']);
  }
});
