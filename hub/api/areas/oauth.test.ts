import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { openTokenDoor, origin, type TokenDoor } from '../../../test/support/token-door.ts';
import { TokenWorld } from '../../../test/support/token-world.ts';
import { deviceRequests } from '../../db/token-tables.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:device_code';
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
  await opened.database.queries.delete(deviceRequests);
  world = new TokenWorld(opened.database);
  door = await openTokenDoor(world);
  door.logins.set('browser', world.caller());
});
afterEach(() => door.close());

type Body = { [name: string]: unknown };

async function send(
  path: string,
  form: Record<string, string> | string,
  type = 'application/x-www-form-urlencoded',
): Promise<{ status: number; json: Body; headers: Headers }> {
  const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
  const headers = { 'content-type': type };
  const response = await fetch(`${door.url}/oauth/${path}`, { method: 'POST', body, headers });
  return {
    status: response.status,
    json: (await response.json()) as Body,
    headers: response.headers,
  };
}

async function decide(what: string, userCode: unknown): Promise<{ status: number; json: Body }> {
  const response = await fetch(`${door.url}/api/v1/devices/${what}`, {
    method: 'POST',
    body: JSON.stringify({ user_code: userCode }),
    headers: {
      cookie: '__Host-phlix_session=browser',
      origin,
      'content-type': 'application/json',
    },
  });
  return { status: response.status, json: (await response.json()) as Body };
}

async function begin(more: Record<string, string> = {}): Promise<Body> {
  const { status, json } = await send('device_authorization', { client_id: 'tv-app', ...more });
  expect(status).toBe(200);
  return json;
}

const poll = async (deviceCode: unknown, clientId = 'tv-app') =>
  send('token', {
    grant_type: grantType,
    device_code: String(deviceCode),
    client_id: clientId,
  });

test('the whole way of RFC 8628: begin, look, approve, fetch once, ask the API', async () => {
  const begun = await begin({ device_name: '<script>alert(1)</script>', scope: 'servers:read' });
  expect(begun).toEqual({
    device_code: expect.stringMatching(/^[\w-]{43}$/),
    user_code: expect.stringMatching(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/),
    verification_uri: `${origin}/device`,
    verification_uri_complete: `${origin}/device?code=${String(begun['user_code'])}`,
    expires_in: 300,
    interval: 5,
  });
  expect(await poll(begun['device_code'])).toMatchObject({
    status: 400,
    json: { error: 'authorization_pending' },
  });
  expect(await decide('lookup', begun['user_code'])).toMatchObject({
    status: 200,
    json: {
      user_code: begun['user_code'],
      device_name: '<script>alert(1)</script>',
      app: 'tv-app',
      is_same_network: true,
    },
  });
  expect(door.provenActions).toEqual([]);
  expect((await decide('approve', begun['user_code'])).status).toBe(200);
  expect(door.provenActions).toEqual(['devices.approve']);
  world.pass(5000);
  const fetched = await poll(begun['device_code']);
  expect(fetched.headers.get('cache-control')).toBe('no-store');
  expect(fetched).toMatchObject({
    status: 200,
    json: { token_type: 'Bearer', scope: 'servers:read', expires_in: 365 * 86_400 },
  });
  expect((await poll(begun['device_code'])).json).toMatchObject({ error: 'invalid_grant' });
  const token = String(fetched.json['access_token']);
  const asked = await fetch(`${door.url}/api/v1/tokens`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(await asked.json()).toMatchObject({ code: 'api.scope' });
});

test('a device elsewhere is shown as such', async () => {
  door.address = '198.51.100.1';
  const { user_code: userCode } = await begin();
  door.address = '192.0.2.7';
  expect((await decide('lookup', userCode)).json).toMatchObject({
    address: '198.51.100.1',
    is_same_network: false,
  });
});

test('each refusal is said in the words of OAuth', async () => {
  const { device_code: deviceCode, user_code: userCode } = await begin();
  expect((await poll(deviceCode, 'other-app')).json).toMatchObject({ error: 'invalid_grant' });
  expect((await poll('x'.repeat(43))).json).toMatchObject({ error: 'invalid_grant' });
  await poll(deviceCode);
  expect((await poll(deviceCode)).json).toMatchObject({ error: 'slow_down' });
  await decide('deny', userCode);
  expect((await poll(deviceCode)).json).toMatchObject({ error: 'access_denied' });
  const late = await begin();
  world.pass(300_000);
  expect((await poll(late['device_code'])).json).toMatchObject({ error: 'expired_token' });
});

test.each([
  ['token', { grant_type: 'password', client_id: 'a' }, 400, 'unsupported_grant_type'],
  ['token', { grant_type: grantType, client_id: 'a' }, 400, 'invalid_request'],
  ['token', { grant_type: grantType, device_code: 'x' }, 400, 'invalid_request'],
  ['device_authorization', {}, 400, 'invalid_request'],
  ['device_authorization', { client_id: 'a b' }, 400, 'invalid_request'],
  ['device_authorization', { client_id: 'x'.repeat(65) }, 400, 'invalid_request'],
  ['device_authorization', { client_id: 'a', scope: 'admin:write' }, 400, 'invalid_scope'],
  ['device_authorization', { client_id: 'a', device_name: '\u0000' }, 400, 'invalid_request'],
  ['device_authorization', { client_id: 'a', device_name: 'x'.repeat(65) }, 400, 'invalid_request'],
  ['device_authorization', 'client_id=a&client_id=b', 400, 'invalid_request'],
])('%s with %j is refused', async (path, form, status, error) => {
  expect(await send(path, form)).toMatchObject({ status, json: { error } });
});

test('JSON is no form, and a long form is not read', async () => {
  const json = await send('token', '{}', 'application/json');
  expect(json).toMatchObject({ status: 415, json: { error: 'invalid_request' } });
  const long = await send('token', `client_id=${'x'.repeat(5000)}`);
  expect(long.status).toBe(413);
});

test('the eleventh open request of an address is refused, and when to come back is said', async () => {
  for (let count = 0; count < 10; count++) await begin();
  const refused = await send('device_authorization', { client_id: 'tv-app' });
  expect(refused).toMatchObject({ status: 429, json: { error: 'temporarily_unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('300');
});

test('the sixth wrong code within ten minutes is not looked at', async () => {
  for (let guess = 0; guess < 5; guess++)
    expect(await decide('lookup', 'BBBB-BBBB')).toMatchObject({
      status: 404,
      json: { code: 'token.code' },
    });
  expect(await decide('lookup', 'BBBB-BBBB')).toMatchObject({
    status: 429,
    json: { code: 'login.locked' },
  });
});
