import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { apiDocument } from '../../hub/api/document.ts';
import { pagePolicy } from '../../hub/api/doors/headers.ts';
import { ApiClient } from '../support/api-client.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { exchange } from '../support/edge.ts';

let hub: HubProcess;
let origin: Server;
let agent: AgentProcess | undefined;
let admin: ApiClient;
let owner: ApiClient;
let stranger: ApiClient;

beforeAll(async () => {
  hub = await HubProcess.start({ settings: { HUB_SECURITY_CONTACT: 'mailto:holes@example.org' } });
  origin = createServer(({ url }, response) => {
    if (url === '/own') response.setHeader('strict-transport-security', 'max-age=60');
    response.end('a film');
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  owner = await admin.invite('olga', 'owner');
  stranger = await admin.invite('sam', 'owner');
}, 120_000);

afterAll(async () => {
  await agent?.stop();
  await hub.stop();
  origin.close();
});

const answer = (status: number, code: string) => ({ status, json: { status, code } });

const securityFields = {
  'content-security-policy': pagePolicy,
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': expect.stringContaining('camera=()'),
};

const manyCookies = Array.from({ length: 40 }, (_, at) => `a${at}=${'x'.repeat(3800)}`).join('; ');

describe('every answer of the hub’s name', () => {
  test.each([
    ['a page', 'GET', '/sign-in', 200],
    ['a file', 'GET', 'the stylesheet', 200],
    ['a way on', 'GET', '/security', 303],
    ['the API', 'GET', '/api/v1/openapi.json', 200],
    ['a refusal', 'GET', '/api/v1/servers', 401],
    ['nothing', 'GET', '/nothing', 404],
    ['a body that is none', 'POST', '/api/v1/auth/login', 415],
  ])('carries the same headers: %s', async (_, method, path, status) => {
    const client = new ApiClient(hub);
    const { text } = await client.ask('GET', '/sign-in');
    const stylesheet = /href="(\/assets\/[^"]+\.css)"/.exec(text)?.[1] ?? '';
    const asked = await client.ask(method, path === 'the stylesheet' ? stylesheet : path, {
      ...(method === 'POST' && { raw: 'a=b' }),
    });
    expect(asked.status).toBe(status);
    expect(asked.headers).toMatchObject(securityFields);
  });

  test.each([
    ['an address that is too long', 414, `/${'a'.repeat(20_000)}`, {}],
    ['a field that is too long', 431, '/', { 'x-long': 'a'.repeat(40_000) }],
    ['too many cookies', 431, '/', { cookie: manyCookies }],
    ['what browsers look for', 404, '/.well-known/webauthn', {}],
  ])('carries them where the edge refuses %s', async (_, status, path, headers) => {
    const asked = await new ApiClient(hub).ask('GET', path, { headers });
    expect(asked.status).toBe(status);
    expect(asked.headers).toMatchObject(securityFields);
  });

  test('carries them over HTTP/2 where nobody could read for whom it is', async () => {
    const { origin } = new ApiClient(hub);
    const session = connectHttp2(origin, {
      ca: readFileSync(hub.caFile),
      lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const { headers } = await exchange(session, {
      ':authority': new URL(origin).host,
      ':path': `/${'a'.repeat(20_000)}`,
    });
    session.destroy();
    expect(headers).toMatchObject({ ...securityFields, ':status': 414 });
  });

  test('keeps what is a caller’s own out of every cache', async () => {
    expect((await admin.ask('GET', '/api/v1/account')).headers['cache-control']).toBe('no-store');
  });

  test('sets no cookie that scripts, siblings or plain HTTP could reach', async () => {
    const guest = await admin.invite('cookie-reader', 'owner');
    const { setCookies } = await guest.ask('POST', '/api/v1/auth/logout');
    for (const line of setCookies)
      expect(line).toMatch(/^__Host-phlix_\w+=[\w.~-]*; Path=\/; Secure; HttpOnly; SameSite=Lax/);
    expect(setCookies.length).toBeGreaterThan(0);
  });

  test('says whom to tell of a hole, and that nothing is for an index', async () => {
    const { text } = await admin.ask('GET', '/.well-known/security.txt');
    expect(text).toMatch(/^Contact: mailto:holes@example.org\nExpires: \d{4}-/);
    expect((await admin.ask('GET', '/robots.txt')).text).toContain('Disallow: /');
  });
});

describe('a page of a tenant', () => {
  const bodies = {
    'application/json': '{"username":"olga2"}',
    'text/plain': '{"username":"olga2"}',
    'application/x-www-form-urlencoded': 'username=olga2',
    'multipart/form-data; boundary=x': '--x\r\n\r\nolga2\r\n--x--',
    none: '{"username":"olga2"}',
  };
  const senders = {
    'on a sibling name': {
      'sec-fetch-site': 'same-site',
      origin: 'https://evil.phlix.localhost',
    },
    'in an old browser': { 'sec-fetch-site': undefined, origin: 'https://evil.phlix.localhost' },
    'in a sandbox': { 'sec-fetch-site': undefined, origin: 'null' },
    'that hides itself': { 'sec-fetch-site': undefined },
  };

  test.each(Object.entries(senders))('%s changes nothing, whatever it sends', async (_, fields) => {
    for (const [type, raw] of Object.entries(bodies)) {
      const headers = { ...fields, ...(type !== 'none' && { 'content-type': type }) };
      const asked = await owner.ask('PATCH', '/api/v1/account', { raw, headers });
      expect([type, asked.status, asked.json['code']]).toEqual([type, 403, 'api.same-site']);
    }
    const { json } = await owner.ask('GET', '/api/v1/account');
    expect(json['username']).toBe('olga');
  });

  test('is counted', async () => {
    const [line] = await hub.program.waitForLine(/^.*"metrics are served".*$/);
    const { metrics } = JSON.parse(line) as { metrics: { port: number } };
    const text = await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text();
    expect(text).toMatch(/^phlix_hub_api_refusals_total\{code="api.same-site"\} [1-9]/m);
  });

  test('opens no channel, and signs nobody in', async () => {
    const headers = { 'sec-fetch-site': 'same-site', origin: 'https://evil.phlix.localhost' };
    const channel = await owner.ask('GET', '/api/v1/events', { headers });
    expect(channel).toMatchObject(answer(403, 'api.same-site'));
    const body = { username: 'olga', password: 'x' };
    const login = await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body, headers });
    expect(login).toMatchObject(answer(403, 'api.same-site'));
    const socket = await owner.ask('GET', '/tunnel', {
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
    });
    expect(socket.status).toBe(403);
  });

  test('plants cookies that count for nothing, or that are noticed', async () => {
    const { cookieLine } = owner;
    const planted = { cookie: `phlix_session=evil; ${cookieLine}` };
    expect((await owner.ask('GET', '/api/v1/account', { headers: planted })).status).toBe(200);
    const only = { cookie: cookieLine.replaceAll('__Host-', '') };
    expect((await owner.ask('GET', '/api/v1/account', { headers: only })).status).toBe(401);
    const twice = { cookie: `__Host-phlix_session=evil; ${cookieLine}` };
    const asked = await owner.ask('GET', '/api/v1/account', { headers: twice });
    expect(asked).toMatchObject(answer(400, 'api.cookies'));
  });

  test('fills the jar until the hub empties it', async () => {
    const bomb = Array.from({ length: 40 }, (_, i) => `bomb${i}=${'x'.repeat(3800)}`).join('; ');
    const socket = connect({
      host: '127.0.0.1',
      port: hub.ports.https,
      servername: 'hub.localhost',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    socket.write(`GET / HTTP/1.1\r\nHost: hub.localhost\r\nCookie: ${bomb}\r\n\r\n`);
    let text = '';
    socket.on('data', (piece: Buffer) => (text += String(piece)));
    await expect.poll(() => text, { timeout: 10_000 }).toMatch(/^HTTP\/1.1 431 /);
    expect(text.toLowerCase()).toContain('clear-site-data: "cookies"');
    socket.destroy();
  });
});

describe('a body', () => {
  test('for a password has 8 kB, and is refused before it is read', async () => {
    const body = { username: 'olga', password: 'x'.repeat(1_000_000) };
    const asked = await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body });
    expect(asked).toMatchObject(answer(413, 'api.too-large'));
  });

  test.each([
    ['{"username":', 400, 'application/json', 'api.malformed'],
    ['{}', 415, 'application/vnd.api+json', 'api.media-type'],
    ['{}', 415, 'text/plain', 'api.media-type'],
    ['{"username":"a"}', 400, 'application/json', 'api.malformed'],
    ['\u00ff', 400, 'application/json', 'api.malformed'],
  ])('%s is %i as %s', async (raw, status, type, code) => {
    const headers = { 'content-type': type };
    const asked = await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { raw, headers });
    expect(asked).toMatchObject(answer(status, code));
  });
});

describe('a method that a path does not take', () => {
  test.each([
    ['PUT', '/api/v1/servers', 'GET, HEAD'],
    ['OPTIONS', '/api/v1/servers', 'GET, HEAD'],
    ['PROPFIND', '/api/v1/account', 'GET, HEAD, PATCH, DELETE'],
    ['PATCH', '/api/v1/admin/bans/any', 'DELETE'],
    ['POST', '/api/v1/openapi.json', 'GET, HEAD'],
    ['GET', '/oauth/token', 'POST'],
    ['POST', '/sign-in', 'GET, HEAD'],
  ])('%s %s is told which it takes: %s', async (method, path, allow) => {
    const { status, headers, json } = await new ApiClient(hub).ask(method, path);
    expect([status, headers['allow'], json['code']]).toEqual([405, allow, 'api.method']);
    const shared = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
    expect(shared).toEqual([]);
  });

  test('is not told where there is nothing', async () => {
    for (const path of ['/api/v1/nothing', '/nothing', '/api/v1/servers/a/b/c'])
      expect(await new ApiClient(hub).ask('DELETE', path)).toMatchObject(
        answer(404, 'api.not-found'),
      );
  });
});

describe('a token', () => {
  test('in the address is refused, and told as lost', async () => {
    const path = '/api/v1/servers?access_token=phx_pat_abcdefgh_secret';
    const asked = await new ApiClient(hub).ask('GET', path);
    expect(asked).toMatchObject(answer(401, 'api.token-in-address'));
    expect(hub.program.output).not.toContain('phx_pat_abcdefgh_secret');
  });

  test('that is none is no caller', async () => {
    const headers = { authorization: 'Bearer phx_pat_abcdefgh_secret' };
    const asked = await owner.ask('GET', '/api/v1/servers', { headers });
    expect(asked).toMatchObject(answer(401, 'token.invalid'));
  });
});

test('the document that is served is the one of the code', async () => {
  const { json } = await new ApiClient(hub).ask('GET', '/api/v1/openapi.json');
  expect(json).toEqual(JSON.parse(JSON.stringify(apiDocument())));
});

describe('a server', () => {
  test('is added by its owner after a proof, and his open page hears of it', async () => {
    const body = { label: 'olgas-films' };
    const unproven = await stranger.ask('POST', '/api/v1/enrolment-tokens', {
      body: { label: 'sams' },
    });
    expect(unproven).toMatchObject(answer(403, 'login.step-up'));
    expect(unproven.json).toMatchObject({
      challenge_id: expect.any(String),
      methods: ['password'],
    });

    const heard = new EventReader(await owner.open('GET', '/api/v1/events'));
    const elsewhere = new EventReader(await stranger.open('GET', '/api/v1/events'));
    const made = await owner.askProven('POST', '/api/v1/enrolment-tokens', body);
    expect(made).toMatchObject({ status: 201, json: { token: expect.stringMatching(/^phe_/) } });
    const token = String(made.json['token']);
    expect(made.json['setup']).toMatchObject({
      env: expect.stringContaining(`PHLIX_HUB_ENROLLMENT_TOKEN=${token}`),
      // By way of standard input: hub/api/agents/agent-setup.test.ts runs each of them.
      compose: expect.stringContaining(`<<'END' &&\n${token}\nEND\n`),
      docker: expect.stringContaining(`<<'END' &&\n${token}\nEND\n`),
      systemd: expect.stringContaining(`<<'END' &&\n${token}\nEND\n`),
    });
    const { port } = origin.address() as AddressInfo;
    agent = new AgentProcess({ hub, originPort: port, token });
    await agent.reachable();
    await expect.poll(async () => connectedOf(owner), { timeout: 10_000 }).toEqual([true]);
    await expect.poll(() => heard.names, { timeout: 10_000 }).toContain('servers');
    expect(elsewhere.names).toEqual(['ready']);
    elsewhere.close();
    heard.close();
  });

  test('answers with what every site is better off with, and with no policy of the hub', async () => {
    const film = await headersOf('olgas-films.phlix.localhost', '/film');
    expect(film).toMatchObject({
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
    });
    expect(Object.keys(film).join(' ')).not.toMatch(/content-security|frame-options|opener/);
    const own = await headersOf('olgas-films.phlix.localhost', '/own');
    expect(own['strict-transport-security']).toBe('max-age=60');
  });

  test('is not there for others, and there to look at for members', async () => {
    const { id } = await only(owner);
    const path = `/api/v1/servers/${id}`;
    for (const [method, at, body] of [
      ['GET', path],
      ['PATCH', path, { label: 'stolen' }],
      ['PATCH', `${path}/switches`, { http2: false }],
      ['DELETE', path],
      ['GET', `${path}/members`],
      ['POST', `${path}/members`, { username: 'sam' }],
      ['GET', `${path}/domains`],
      ['GET', `${path}/certificates`],
      ['GET', `/api/v1/events?server=${id}`],
    ] as const) {
      const asked = await stranger.askProven(method, at, body);
      expect([method, at, asked.status]).toEqual([method, at, 404]);
    }
    expect(await connectedOf(stranger)).toEqual([]);

    const shared = await owner.askProven('POST', `${path}/members`, { username: 'SAM' });
    expect(shared).toMatchObject({ status: 201, json: { username: 'sam' } });
    expect((await stranger.ask('GET', path)).json).toMatchObject({ id, access: 'member' });
    const changed = await stranger.askProven('PATCH', path, { label: 'stolen' });
    expect(changed).toMatchObject(answer(403, 'api.denied'));

    const memberId = String(shared.json['account_id']);
    const channel = new EventReader(await stranger.open('GET', `/api/v1/events?server=${id}`));
    await owner.askProven('DELETE', `${path}/members/${memberId}`);
    expect((await stranger.ask('GET', path)).status).toBe(404);
    channel.close();
  });

  test('is renamed and set by its owner', async () => {
    const { id } = await only(owner);
    const renamed = await owner.askProven('PATCH', `/api/v1/servers/${id}`, { label: 'Kino' });
    expect(renamed).toMatchObject({ status: 200, json: { label: 'kino' } });
    const path = `/api/v1/servers/${id}/switches`;
    const set = await owner.askProven('PATCH', path, { http2: false, lift: ['jellyfin.metrics'] });
    expect(set.json['switches']).toMatchObject({ http2: false, lifted: ['jellyfin.metrics'] });
    const wrong = await owner.askProven('PATCH', path, { lift: ['jellyfin.everything'] });
    expect(wrong).toMatchObject(answer(400, 'api.malformed'));
  });

  test('is seen by admins, in pages', async () => {
    const first = await admin.ask('GET', '/api/v1/servers?limit=1');
    expect(first.json).toMatchObject({ items: [{ access: 'admin' }], next_cursor: null });
    const bad = await admin.ask('GET', '/api/v1/servers?cursor=abc');
    expect(bad).toMatchObject(answer(400, 'api.malformed'));
  });

  test('is revoked with a proof that counts once and for it alone', async () => {
    const { id } = await only(owner);
    const path = `/api/v1/servers/${id}`;
    const first = await owner.ask('DELETE', path);
    expect(first).toMatchObject(answer(403, 'login.step-up'));
    const revoked = await owner.askProven('DELETE', path);
    expect(revoked.status).toBe(204);
    expect((await owner.ask('GET', path)).status).toBe(404);
  });
});

describe('an admin', () => {
  test('sees how the hub is and how it is set, and never a secret', async () => {
    const health = await admin.ask('GET', '/api/v1/admin/health');
    const checks = (health.json['items'] as { check: string; state: string }[]).map(
      ({ check, state }) => [check, state],
    );
    expect(Object.fromEntries(checks)).toMatchObject({
      'config.same-site': 'ok',
      'config.permissions': 'ok',
      'tls.certificate': 'ok',
      'audit.chain': 'ok',
      'clock.offset': 'ok',
    });
    const { json } = await admin.ask('GET', '/api/v1/admin/settings');
    const settings = json['items'] as { name: string; value: string | null }[];
    expect(settings.find(({ name }) => name === 'HUB_SECURITY_CONTACT')?.value).toBe(
      'mailto:holes@example.org',
    );
  });

  test('is nobody else', async () => {
    expect(await owner.ask('GET', '/api/v1/admin/health')).toMatchObject(answer(403, 'api.denied'));
    const nobody = await new ApiClient(hub).ask('GET', '/api/v1/admin/health');
    expect(nobody).toMatchObject(answer(401, 'login.required'));
  });
});

describe('an open channel', () => {
  test('ends within a second of its login', async () => {
    const guest = await admin.invite('brief', 'owner');
    const heard = new EventReader(await guest.open('GET', '/api/v1/events'));
    await expect.poll(() => heard.names).toEqual(['ready']);
    const endedAt = heard.ended.then(() => performance.now());
    await guest.ask('POST', '/api/v1/auth/logout');
    const loggedOutAt = performance.now();
    expect((await endedAt) - loggedOutAt).toBeLessThan(1000);
  });

  test('is one of a few', async () => {
    const guest = await admin.invite('greedy', 'owner');
    const open: EventReader[] = [];
    for (let count = 0; count < 8; count += 1)
      open.push(new EventReader(await guest.open('GET', '/api/v1/events')));
    const busy = await guest.ask('GET', '/api/v1/events');
    expect(busy).toMatchObject({ ...answer(429, 'api.busy'), headers: { 'retry-after': '15' } });
    open[0]?.close();
    await expect
      .poll(
        async () => {
          const again = await guest.open('GET', '/api/v1/events');
          again.destroy();
          return again.statusCode;
        },
        { timeout: 5000 },
      )
      .toBe(200);
    for (const one of open) one.close();
  });
});

async function headersOf(servername: string, path: string): Promise<IncomingMessage['headers']> {
  const ca = readFileSync(hub.caFile);
  const place = { host: '127.0.0.1', port: hub.ports.https, servername, ca, agent: false as const };
  const headers = { host: `${servername}:${hub.ports.https}` };
  const asked = request({ ...place, path, headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return response.headers;
}

interface Listed {
  readonly id: string;
  readonly is_connected: boolean;
}

async function listOf(client: ApiClient): Promise<readonly Listed[]> {
  const { json } = await client.ask('GET', '/api/v1/servers');
  return json['items'] as Listed[];
}

async function connectedOf(client: ApiClient): Promise<boolean[]> {
  return (await listOf(client)).map(({ is_connected: isConnected }) => isConnected);
}

async function only(client: ApiClient): Promise<Listed> {
  const [server] = await listOf(client);
  if (server === undefined) throw new Error('there is no server');
  return server;
}

/** Names of the events that came. */
class EventReader {
  readonly ended: Promise<unknown>;
  readonly #response: IncomingMessage;
  #text = '';

  constructor(response: IncomingMessage) {
    if (response.statusCode !== 200) throw new Error(`no channel: ${response.statusCode}`);
    this.#response = response;
    this.ended = once(response, 'close');
    response.on('error', () => undefined);
    response.on('data', (piece: Buffer) => (this.#text += String(piece)));
  }

  get names(): string[] {
    return [...this.#text.matchAll(/^event: (\w+)$/gm)].map(([, name = '']) => name);
  }

  close(): void {
    this.#response.destroy();
  }
}
