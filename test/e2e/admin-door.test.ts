import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

import { afterEach, describe, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { Authenticator } from '../support/authenticator.ts';
import { HubProcess } from '../support/deployment.ts';

let hub: HubProcess | undefined;
afterEach(async () => hub?.stop());

async function start(settings: Record<string, string>): Promise<HubProcess> {
  hub = await HubProcess.start({ settings });
  return hub;
}

const adminPaths = [
  '/admin',
  '/admin/users',
  '/admin/nothing',
  '/api/v1/admin/health',
  '/api/v1/admin/nothing',
  '/%61dmin/users',
  '/api/v1/%61dmin/health',
];

const notFound = { status: 404, code: 'api.not-found' };

describe('what is for admins', () => {
  test('is not there for whoever comes from elsewhere, signed in or not', async () => {
    const started = await start({ HUB_ADMIN_ALLOW_CIDRS: '192.0.2.0/24, ::1' });
    const admin = new ApiClient(started);
    await admin.becomeAdmin();
    for (const client of [admin, new ApiClient(started)]) {
      // Neither is any word about which methods there would be.
      for (const method of ['GET', 'PUT', 'OPTIONS'])
        for (const path of adminPaths) {
          const { status, json, headers } = await client.ask(method, path);
          const told = [method, path, status, json['code'], headers['allow']];
          expect(told).toEqual([method, path, 404, notFound.code, undefined]);
        }
    }
    // The rest of the hub is open to admins from everywhere.
    expect((await admin.ask('GET', '/api/v1/servers')).status).toBe(200);
    // Whom they call by writing it is another matter: only proxies that are trusted are believed.
    const headers = { 'x-forwarded-for': '192.0.2.7' };
    expect((await admin.ask('GET', '/api/v1/admin/health', { headers })).json).toMatchObject(
      notFound,
    );
  });

  test('is there for the networks that are named', async () => {
    const started = await start({
      HUB_ADMIN_ALLOW_CIDRS: '192.0.2.0/24',
      HUB_TRUSTED_PROXIES: '127.0.0.1',
    });
    const admin = new ApiClient(started);
    await admin.becomeAdmin();
    const from = async (address: string): Promise<number> => {
      const headers = { 'x-forwarded-for': address };
      return (await admin.ask('GET', '/api/v1/admin/health', { headers })).status;
    };
    expect(await from('192.0.2.7')).toBe(200);
    expect(await from('::ffff:192.0.2.7')).toBe(200);
    expect(await from('192.0.2.7, 198.51.100.1')).toBe(404);
    expect(await from('192.0.2.7, unknown')).toBe(404);
    expect(await from('192.0.3.7')).toBe(404);
  });

  test('has a door of its own, and is nowhere else', async () => {
    const started = await start({ HUB_ADMIN_LISTEN: '127.0.0.1:0' });
    const [line] = await started.program.waitForLine(/^.*"hub ready".*$/);
    const { admin: door } = JSON.parse(line) as { admin: { port: number } };
    const outside = new ApiClient(started);
    await outside.becomeAdmin();
    for (const path of adminPaths) {
      const { status, json } = await outside.ask('GET', path);
      expect([path, status, json['code']]).toEqual([path, 404, notFound.code]);
    }
    const inside = new ApiClient(started, door.port);
    for (const [name, value] of outside.cookies) inside.cookies.set(name, value);
    expect((await inside.ask('GET', '/api/v1/admin/health')).status).toBe(200);
    expect((await inside.ask('GET', '/admin/users')).status).toBe(200);
    await signsInByPasskey(inside, outside);
    const refused = connect({
      host: '127.0.0.1',
      port: door.port,
      servername: 'movies.phlix.localhost',
      rejectUnauthorized: false,
    });
    expect(await endOf(refused)).toMatch(/alert|unrecognized/i);
  });
});

const at = (origin: string) => ({ origin, rpId: 'hub.localhost' });

/** One that was made at the one door opens the other; whatever else listens on the host has no part in it. */
async function signsInByPasskey(inside: ApiClient, outside: ApiClient): Promise<void> {
  const key = new Authenticator();
  const { json: offer } = await inside.askProven('POST', '/api/v1/account/passkeys/options', {});
  const made = { name: 'Key', response: key.register(offer, at(inside.origin)) };
  const answer = await inside.ask('POST', '/api/v1/account/passkeys', { body: made });
  expect(answer.status).toBe(201);
  const enter = async (client: ApiClient, origin: string): Promise<number> => {
    client.cookies.clear();
    const { json } = await client.ask('POST', '/api/v1/auth/passkey/options', { body: {} });
    const body = { response: key.answer(json, at(origin)) };
    return (await client.ask('POST', '/api/v1/auth/passkey', { body })).status;
  };
  expect(await enter(inside, 'https://hub.localhost:1')).toBe(401);
  expect(await enter(inside, inside.origin)).toBe(200);
  expect((await inside.ask('GET', '/api/v1/admin/health')).status).toBe(200);
  expect(await enter(outside, outside.origin)).toBe(200);
}

async function endOf(socket: TLSSocket): Promise<string> {
  const [error] = (await once(socket, 'error')) as [Error];
  return error.message;
}
