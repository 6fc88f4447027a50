import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { within } from '../support/deadline.ts';
import { HubProcess } from '../support/deployment.ts';

let hub: HubProcess;
let admin: ApiClient;
const lines: string[] = [];

beforeAll(async () => {
  hub = await HubProcess.start({ onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
}, 120_000);

afterAll(async () => hub.stop());

const cursor = Buffer.from(JSON.stringify(['\0'])).toString('base64url');

describe('a NUL, which PostgreSQL has no place for', () => {
  test.each([
    ['GET', '/api/v1/admin/audit?actor=%00', 400],
    ['GET', '/api/v1/admin/audit?target=a%00b', 400],
    ['GET', '/api/v1/admin/audit/export.csv?actor=%00', 400],
    ['GET', `/api/v1/admin/users?cursor=${cursor}`, 400],
    ['DELETE', '/api/v1/tokens/%00', 400],
    ['POST', '/api/v1/admin/sso/providers/%00/test', 400],
    ['GET', '/admin/audit?actor=%00', 200],
    ['GET', '/auth/oidc/%00/start', 303],
  ])('in %s %s is no failure of the hub', async (method, path, status) => {
    expect((await admin.ask(method, path)).status).toBe(status);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test('in the name of somebody who waits is refused', async () => {
    const body = { kind: 'address', what: '\0' };
    expect((await admin.askProven('POST', '/api/v1/admin/login-blocks/open', body)).status).toBe(
      400,
    );
  });
});

describe('whoever listens to events', () => {
  test.each([
    ['a browser', 'is deleted', async (id: string) => asAdmin('DELETE', `users/${id}`)],
    ['a program', 'is deleted', async (id: string) => asAdmin('DELETE', `users/${id}`)],
    ['a program', 'is suspended', async (id: string) => asAdmin('POST', `users/${id}/suspend`, {})],
    [
      'a program',
      'has another role',
      async (id: string) => asAdmin('PUT', `users/${id}/role`, { role: 'member' }),
    ],
  ])('%s is cut off within a second when its account %s', async (who, what, happens) => {
    const person = await admin.invite(`${who}-${what}`.replaceAll(' ', '-'), 'owner');
    const { json } = await person.ask('GET', '/api/v1/account');
    const end = who === 'a browser' ? await listen(person) : await listenByToken(person);
    expect((await happens(String(json['id']))).status).toBeLessThan(300);
    await within(end.closed, 1000, () => 'the end of the stream');
  });
});

describe('an invitation', () => {
  test.each([
    ['is suspended', async (id: string) => asAdmin('POST', `users/${id}/suspend`, {})],
    [
      'is no admin any more',
      async (id: string) => asAdmin('PUT', `users/${id}/role`, { role: 'owner' }),
    ],
  ])('opens nothing once the admin who made it %s', async (what, happens) => {
    const second = await anotherAdmin(what.replaceAll(' ', '-'));
    const { json } = await second.askProven('POST', '/api/v1/admin/invitations/admins', {});
    const token = tokenIn(json);
    const guest = new ApiClient(hub);
    const look = async () => guest.ask('POST', '/api/v1/invitations/look', { body: { token } });
    expect((await look()).status).toBe(200);
    const { json: own } = await second.ask('GET', '/api/v1/account');
    expect((await happens(String(own['id']))).status).toBe(200);
    expect((await look()).json['code']).toBe('invite.invalid');
    const body = { token, username: 'back-again', password };
    const { json: refused } = await guest.ask('POST', '/api/v1/invitations/accept', { body });
    expect(refused['code']).toBe('invite.invalid');
  });
});

test('an invitation that an admin takes back stands in the audit log', async () => {
  const invited = await admin.askProven('POST', '/api/v1/admin/invitations', { role: 'owner' });
  const invitationId = String(invited.json['id']);
  const withdrawn = await asAdmin('DELETE', `invitations/${invitationId}`);
  expect(withdrawn.status).toBe(204);
  const query = `event=admin.invitation-withdrawn&target=${invitationId}`;
  // Entries can be asked for once they are on the disk.
  await expect
    .poll(async () => (await admin.ask('GET', `/api/v1/admin/audit?${query}`)).json['items'], {
      timeout: 5000,
    })
    .toMatchObject([{ actor: { name: 'robin' }, result: 'ok' }]);
});

describe('a browser that was signed in before an admin reset the account', () => {
  test('is a stranger’s afterwards, whom failures of others slow down', async () => {
    const person = await admin.invite('rita', 'owner');
    const { json } = await person.ask('GET', '/api/v1/account');
    const body = { reason: 'a laptop was stolen' };
    const reset = await asAdmin('POST', `users/${String(json['id'])}/reset-mfa`, body);
    expect(reset.status).toBe(204);
    for (let failures = 0; failures < 5; failures++)
      expect((await signIn(new ApiClient(hub), 'rita', 'a guess')).json['code']).toBe(
        'login.failed',
      );
    expect(person.cookies.has('__Host-phlix_dc')).toBe(true);
    expect((await signIn(person, 'rita', password)).json['code']).toBe('login.locked');
  });
});

test('a stranger who asks for passkeys without end is sent away, before the questions fill the database', async () => {
  const stranger = new ApiClient(hub);
  const path = '/api/v1/auth/passkey/options';
  for (let asked = 0; asked < 120; asked++)
    expect((await stranger.ask('POST', path)).status).toBe(200);
  const busy = await stranger.ask('POST', path);
  expect(busy).toMatchObject({ status: 429, json: { code: 'api.busy' } });
  const seconds = Number(busy.headers['retry-after']);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
});

async function signIn(client: ApiClient, username: string, typed: string) {
  return client.ask('POST', '/api/v1/auth/login', { body: { username, password: typed } });
}

async function anotherAdmin(username: string): Promise<ApiClient> {
  const { json } = await admin.askProven('POST', '/api/v1/admin/invitations/admins', {});
  const guest = new ApiClient(hub);
  const body = { token: tokenIn(json), username, password };
  expect((await guest.ask('POST', '/api/v1/invitations/accept', { body })).status).toBe(200);
  return guest;
}

/** Of the link that an invitation is. */
function tokenIn({ link }: { readonly link?: unknown }): string {
  return String(link).replace(/^.*#/, '');
}

async function asAdmin(method: string, path: string, body?: object) {
  return admin.askProven(method, `/api/v1/admin/${path}`, body);
}

interface Listening {
  readonly closed: Promise<unknown>;
}

async function listenByToken(person: ApiClient): Promise<Listening> {
  const wish = { name: 'listener', scopes: ['servers:read'] };
  const { json } = await person.askProven('POST', '/api/v1/tokens', wish);
  return listen(new ApiClient(hub), { authorization: `Bearer ${String(json['token'])}` });
}

async function listen(client: ApiClient, headers: Record<string, string> = {}): Promise<Listening> {
  const stream = await client.open('GET', '/api/v1/events', { headers });
  expect(stream.statusCode).toBe(200);
  const closed = once(stream, 'close');
  stream.resume();
  return { closed };
}
