import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { Visitor } from '../support/visitor.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let hub: HubProcess;
let origin: Server;
let agent: AgentProcess;
let address = '';
let serverId = '';
let admin: ApiClient;
let owner: ApiClient;
let member: ApiClient;
let stranger: ApiClient;
const visitors: Visitor[] = [];

beforeAll(async () => {
  hub = await HubProcess.start();
  origin = createServer((request, response) => {
    if (request.url === '/film') trickle(response);
    else response.end('x'.repeat(1000));
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  owner = await admin.invite('olga', 'owner');
  member = await admin.invite('max', 'member');
  stranger = await admin.invite('sam', 'owner');
  const made = await owner.askProven('POST', '/api/v1/enrolment-tokens', { label: 'films' });
  const originPort = (origin.address() as AddressInfo).port;
  agent = new AgentProcess({ hub, originPort, token: String(made.json['token']) });
  [address = ''] = await agent.reachable();
  await agent.program.waitForLine(/"slot":1.*"link up"/);
  const { json } = await owner.ask('GET', '/api/v1/servers');
  serverId = (json['items'] as { id: string }[])[0]?.id ?? '';
  await owner.askProven('POST', `/api/v1/servers/${serverId}/members`, { username: 'max' });
});
afterEach(() => {
  for (const visitor of visitors.splice(0)) visitor.leave();
});
afterAll(async () => {
  await agent?.stop();
  await hub?.stop();
  origin?.closeAllConnections();
  origin?.close();
});

test('who owns a server sees who watches; with whom it is shared, only that somebody does', async () => {
  const film = await watch('/film');
  const [seen, shared] = [await live(owner), await live(member)];
  expect(seen).toMatchObject({
    agent: expect.stringMatching(/^phlix-agent\//),
    is_connected: true,
    link: { links: 2, rtt_ms: expect.any(Number) },
    streams: [{ address: '127.0.0.1', app: 'Kodi', kind: 'video', path: 'other' }],
  });
  expect(shared).toMatchObject({ streams: [{ address: null, app: 'Kodi' }] });
  expect((await stranger.ask('GET', path('live'))).status).toBe(404);
  film.destroy();
});

test('whoever listens is told each two seconds what limits a stream, and nobody else is', async () => {
  const film = await watch('/film');
  const events = `/api/v1/events?topics=streams&server=${serverId}`;
  const channel = await owner.open('GET', events);
  const text = await readUntil(channel, /"limited_by":"origin"/);
  expect(text).toMatch(/event: streams\ndata: \{"is_connected":true/);
  expect((await stranger.open('GET', events)).statusCode).toBe(404);
  const shared = await member.open('GET', events);
  const both = readUntil(shared, /127\.0\.0\.1/, 5000);
  await expect(both).rejects.toThrow('did not come');
  for (const one of [film, channel, shared]) one.destroy();
});

test('traffic is told by hour and day, and is the account’s as well', async () => {
  const film = await watch('/1000');
  film.resume();
  await once(film, 'end');
  const from = new Date(Date.now() - 3_600_000).toISOString();
  for (const by of ['hour', 'day'])
    for (const where of [path('traffic'), '/api/v1/account/traffic']) {
      const { json } = await owner.ask('GET', `${where}?by=${by}&from=${from}`);
      const items = json['items'] as { bytes_down: number; requests: Record<string, number> }[];
      expect(items.reduce((all, { bytes_down: bytes }) => all + bytes, 0)).toBeGreaterThanOrEqual(
        1000,
      );
      expect(items[0]?.requests).toMatchObject({ '5xx': 0, none: expect.any(Number) });
    }
  const long = await owner.ask('GET', `${path('traffic')}?by=hour&from=2020-01-01T00:00:00Z`);
  expect(long).toMatchObject({ status: 400, json: { code: 'api.malformed' } });
  const backwards = `from=${from}&to=${new Date(Date.parse(from) - 1).toISOString()}`;
  for (const where of [path('traffic'), '/api/v1/account/traffic'])
    expect(await owner.ask('GET', `${where}?${backwards}`)).toMatchObject({
      status: 400,
      json: { code: 'api.malformed', detail: expect.stringContaining('`from` lies after `to`') },
    });
});

test('what happened is told, and where the agent dialled from only to its owner', async () => {
  const [seen, shared] = [
    await owner.ask('GET', path('events')),
    await member.ask('GET', path('events')),
  ];
  expect(seen.json['items']).toMatchObject([
    { kind: 'connected', detail: { address: '127.0.0.1', software: expect.any(String) } },
  ]);
  expect(shared.text).not.toContain('127.0.0.1');
  expect((await owner.ask('GET', `${path('link')}?span=day`)).status).toBe(200);
});

test('an owner limits his server with a proof of himself, and everybody meets the limit', async () => {
  expect((await member.ask('PUT', path('limits'), { body: { streams: 1 } })).status).toBe(403);
  const few = await owner.askProven('PUT', path('limits'), { streams: 1, gigabytes_per_month: 5 });
  expect(few.json).toMatchObject({ streams: 1, bytes_per_month: 5e9, megabits_per_second: null });
  const film = await watch('/film');
  expect((await watch('/1000')).statusCode).toBe(429);
  film.destroy();
  const none = await owner.askProven('PUT', path('limits'), {});
  expect(none.json).toMatchObject({ streams: null, bytes_per_month: null });
  const bad = await owner.askProven('PUT', path('limits'), { megabits_per_second: 0 });
  expect(bad).toMatchObject({ status: 400, json: { code: 'api.malformed' } });
});

test('an admin limits an account, which its owner cannot', async () => {
  const { json } = await admin.ask('GET', '/api/v1/admin/users');
  const id = (json['items'] as { id: string; username: string }[]).find(
    ({ username }) => username === 'olga',
  )?.id;
  const where = `/api/v1/admin/users/${id}/limits`;
  expect((await owner.ask('PUT', where, { body: {} })).status).toBe(403);
  const set = await admin.askProven('PUT', where, { megabits_per_second: 50 });
  expect(set.json).toMatchObject({ megabits_per_second: 50 });
  expect((await admin.askProven('PUT', where, {})).json).toMatchObject({
    megabits_per_second: null,
  });
});

// Last: she is gone afterwards.
test('a person takes everything along in one action, and leaves in another', async () => {
  const file = await owner.ask('GET', '/api/v1/account/export');
  expect(file.status).toBe(200);
  expect(file.headers['content-disposition']).toMatch(/attachment.*phlix-hub-.*\.json/);
  const { records } = file.json as { records: Record<string, object[]> };
  expect(records['accounts']).toMatchObject([{ username: 'olga' }]);
  expect(records['servers']).toMatchObject([{ id: serverId }]);
  expect(Object.keys(records)).toEqual(expect.arrayContaining(['logins', 'traffic', 'labels']));
  expect(file.text).not.toContain(password);
  expect(file.text).not.toContain('argon2');
  for (const value of owner.cookies.values()) expect(file.text).not.toContain(value);
  expect((await owner.askProven('DELETE', '/api/v1/account')).status).toBe(204);
  expect((await owner.ask('GET', '/api/v1/account/export')).status).toBe(401);
  await vi.waitFor(async () => expect((await watch('/1000')).statusCode).toBe(404), {
    timeout: 10_000,
  });
});

function path(what: string): string {
  return `/api/v1/servers/${serverId}/${what}`;
}

async function live(client: ApiClient): Promise<unknown> {
  return (await client.ask('GET', path('live'))).json;
}

async function watch(target: string): Promise<IncomingMessage> {
  const visitor = new Visitor(address, hub.caFile);
  visitors.push(visitor);
  return visitor.ask(target, { headers: { 'user-agent': 'Kodi/21.0' } });
}

async function readUntil(
  stream: IncomingMessage,
  pattern: RegExp,
  deadlineMs = 20_000,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`${pattern.source} did not come`)), deadlineMs);
  let text = '';
  stream.on('data', (piece) => {
    text += String(piece);
    if (pattern.test(text)) resolve(text);
  });
  stream.on('error', () => undefined);
  return promise.finally(() => clearTimeout(timer));
}

function trickle(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'video/mp4' });
  response.write('begins');
  const timer = setInterval(() => response.write('and goes on'), 200);
  response.once('close', () => clearInterval(timer));
}
