import { Buffer } from 'node:buffer';
import { once, type EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ApiClient } from '../support/api-client.ts';
import { within } from '../support/deadline.ts';
import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { websocketAccept } from '../../hub/edge/websocket-accept.ts';
import { okAnswer, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { Visitor } from '../support/visitor.ts';

const here = okAnswer([], Buffer.from('here'));

/** The promise: what runs is cut, in every process. */
const cutWithinMs = 5000;

let origin: RawOrigin;
let hub: HubProcess;
let agent: AgentProcess;
let admin: ApiClient;
let owner: ApiClient;
let visitor: Visitor;
let path: string;

beforeAll(async () => {
  origin = await startRawOrigin({ '/film': endlessFilm, '/socket': silentSocket, '/': here });
  hub = await HubProcess.start({
    settings: { HUB_ABUSE_CONTACT: 'mailto:reports@example.org', HUB_RESUME_TIMEOUT: '60s' },
  });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  owner = await admin.invite('olga', 'owner');
  const made = await owner.askProven('POST', '/api/v1/enrolment-tokens', { label: 'movies' });
  const token = String(made.json['token']);
  agent = new AgentProcess({ hub, originPort: origin.port, token });
  const [address = ''] = await agent.reachable();
  await agent.program.waitForLine(/"slot":1.*"link up"/);
  visitor = new Visitor(address, hub.caFile);
  const { json } = await owner.ask('GET', '/api/v1/servers');
  path = `servers/${(json['items'] as { id: string }[])[0]?.id ?? ''}`;
}, 180_000);

afterAll(async () => {
  visitor?.leave();
  await agent?.stop();
  await hub?.stop();
  await origin?.stop();
});

const reason = 'report 117: films for everybody';

test('a suspended server is closed to visitors at once, with all of it kept, until it is resumed', async () => {
  const film = await visitor.ask('/film');
  const filmCut = closed(film.resume());
  const socket = visitor.socket('/socket');
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const socketCut = closed(socket);

  const claimed = await owner.askProven('POST', `/api/v1/${path}/domains`, {
    hostname: 'movies.example.com',
  });
  expect(claimed.status).toBe(201);
  const said = await admin.askProven('POST', `/api/v1/admin/${path}/suspend`, { reason });
  expect(said).toMatchObject({ status: 200, json: { label: 'movies', suspension_reason: reason } });
  await Promise.all([filmCut, socketCut]);
  expect(await problem('/')).toMatchObject({ status: 403, code: 'tunnel.suspended' });
  expect(await problem('/film')).toMatchObject({ status: 403, code: 'tunnel.suspended' });

  await agent.program.waitForLine(/"link\.suspended".*report 117: films for everybody/);
  const status = JSON.parse((await agent.status('--json')).stdout) as { lastFailure: Failure };
  expect(status.lastFailure.code).toBe('link.suspended');
  const waitMs = Date.parse(status.lastFailure.retryAt) - Date.parse(status.lastFailure.at);
  expect(waitMs).toBeGreaterThanOrEqual(150_000);

  const seen = await owner.ask('GET', `/api/v1/${path}`);
  expect(seen.json).toMatchObject({ label: 'movies', suspension_reason: reason });
  const denied = { status: 403, json: { code: 'api.denied' } };
  expect(await owner.askProven('PATCH', `/api/v1/${path}`, { label: 'films' })).toMatchObject(
    denied,
  );
  expect(await owner.askProven('DELETE', `/api/v1/${path}`)).toMatchObject(denied);
  const domains = `/api/v1/${path}/domains`;
  const added = await owner.askProven('POST', domains, { hostname: 'films.example.com' });
  expect(added).toMatchObject(denied);
  const kept = String(claimed.json['id']);
  expect(await owner.askProven('DELETE', `${domains}/${kept}`)).toMatchObject(denied);
  const leaving = await owner.askProven('DELETE', '/api/v1/account');
  expect(leaving).toMatchObject(denied);
  expect(String(leaving.json['detail'])).toContain('Your server movies is suspended');
  const resuming = await owner.askProven('POST', `/api/v1/admin/${path}/resume`);
  expect(resuming).toMatchObject(denied);

  const listed = await hub.run('servers', 'list');
  expect(listed.stdout).toMatch(/movies .*suspended for /);

  const resumed = await hub.run('servers', 'resume', 'movies', '--json');
  expect(JSON.parse(resumed.stdout)).toMatchObject({ label: 'movies', suspended_at: null });
  await agent.stop();
  agent.startAgain();
  await agent.reachable();
  expect((await visitor.ask('/')).statusCode).toBe(200);

  const audit = await hub.run('audit', 'list', '--event', 'server.', '--json');
  const { entries } = JSON.parse(audit.stdout) as { entries: { event: string }[] };
  expect(entries.slice(0, 2)).toMatchObject([
    { event: 'server.resumed', actor: { name: 'host' } },
    { event: 'server.suspended', actor: { name: 'robin' }, reason },
  ]);
}, 120_000);

test('a command suspends too, and wants the reason that the owner will read', async () => {
  const mute = await hub.run('servers', 'suspend', 'movies');
  expect(mute).toMatchObject({ exitCode: 64 });
  expect(mute.stderr).toContain('--reason');
  const said = await hub.run('servers', 'suspend', 'movies', '--reason', reason);
  expect(said.stdout).toMatch(/is suspended\. https:\/\/movies\..* is closed to visitors/);
  await expect
    .poll(async () => (await problem('/')).code, { timeout: cutWithinMs })
    .toBe('tunnel.suspended');
}, 60_000);

test('every name says whom to tell of abuse, whatever its server would say, suspended or not', async () => {
  const page = await visitor.ask('/.phlix/abuse?from=page', { headers: { accept: 'text/html' } });
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  const text = await textOf(page);
  expect(text).toContain('<a href="mailto:reports@example.org">reports@example.org</a>');
  expect(text).toContain('movies.phlix.localhost');
  const program = new Visitor(hub.url, hub.caFile);
  expect(JSON.parse(await textOf(await program.ask('/.phlix/abuse')))).toEqual({
    hostname: 'hub.localhost',
    contact: 'mailto:reports@example.org',
    is_named: true,
  });
  program.leave();
});

async function closed(one: EventEmitter): Promise<void> {
  one.on('error', () => undefined);
  const over = new Promise<void>((resolve) => one.once('close', resolve));
  await within(over, cutWithinMs, () => 'it was cut');
}

interface Failure {
  readonly code: string;
  readonly at: string;
  readonly retryAt: string;
}

async function problem(target: string): Promise<{ status: number | undefined; code: string }> {
  const answer = await visitor.ask(target);
  const text = await textOf(answer);
  const { code } = text.startsWith('{') ? (JSON.parse(text) as { code: string }) : { code: text };
  return { status: answer.statusCode, code };
}

async function textOf(answer: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}

/** Of a length, with a strong tag: the hub would ask for its rest elsewhere when the line breaks. */
function endlessFilm(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nETag: "film"\r\nContent-Length: 1000000000\r\n\r\nbegins');
}

function silentSocket(socket: Socket, head: string): void {
  const key = /sec-websocket-key: (.*)/i.exec(head)?.[1]?.trim() ?? '';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${websocketAccept(key)}\r\n\r\n`,
  );
}
