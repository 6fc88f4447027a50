import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, expect, test, vi } from 'vitest';

import { tenantDomain } from '../test/support/agents-door.ts';
import {
  door,
  failureOf,
  movies,
  newFolder,
  online,
  run,
  shout,
  shoutingOrigin,
  stopEverything,
  type Running,
  type Wish,
} from '../test/support/running-agent.ts';
import { readAll } from '../test/support/sessions.ts';
import type { Endpoint } from './config.ts';
import { identityPath, openStateFolder } from './credentials.ts';
import { readStatus } from './status.ts';

afterEach(stopEverything);

test('a hub that is down is waited for', async () => {
  const hub = await door();
  const token = await hub.token();
  await hub.close();
  const running = run({ hubUrl: hub.hubUrl, token });
  expect(await failureOf(running)).toMatchObject({ code: 'hub.unreachable' });
  const { authority, stores, port } = hub;
  await online(await door({ authority, stores, port }), movies);
});

test('the agent comes back to a hub that restarts, even on another port', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  await hub.close();
  const moved = await door({ authority: hub.authority, stores: hub.stores });
  run({ hubUrl: moved.hubUrl, folder: running.folder });
  expect((await online(moved, movies)).hostname).toBe(movies);
});

test('streams that run when the hub drains are finished, while the agent dials again', async () => {
  const hub = await door();
  const running = run({
    hubUrl: hub.hubUrl,
    token: await hub.token(),
    originPort: await shoutingOrigin(),
  });
  const stream = (await online(hub, movies)).openStream();
  stream.write('half ');
  const closing = hub.close(5000);
  await vi.waitFor(() => expect(running.logged.map(({ msg }) => msg)).toContain('not connected'));
  stream.end('a film');
  expect((await readAll(stream)).toString()).toBe('HALF A FILM');
  await closing;
});

test('streams that run when the agent stops are finished first', async () => {
  const hub = await door();
  const running = run({
    hubUrl: hub.hubUrl,
    token: await hub.token(),
    originPort: await shoutingOrigin(),
  });
  const stream = (await online(hub, movies)).openStream();
  stream.write('half ');
  await vi.waitFor(() => expect(running.agent.status().streams).toBe(1));
  const stopped = running.stop();
  await vi.waitFor(() => expect(hub.tunnels.find(movies)?.links).toEqual([]));
  stream.end('a film');
  expect((await readAll(stream)).toString()).toBe('HALF A FILM');
  expect(await stopped).toEqual({ end: 'interrupted' });
});

test('a revoked server is cut at once and its agent stops with the way back', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  const { serverId } = await online(hub, movies);
  await hub.stores.servers.revoke(serverId);
  expect(await running.ended).toMatchObject({
    end: 'stopped',
    exitCode: 77,
    failure: {
      code: 'link.revoked',
      message: expect.stringContaining(`delete ${identityPath(running.folder)}`),
    },
  });
  const again = run({ hubUrl: hub.hubUrl, folder: running.folder });
  expect(await again.ended).toMatchObject({ failure: { code: 'link.revoked' } });
});

test('a renamed server hears its new address over the link', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  const { serverId } = await online(hub, movies);
  await hub.stores.servers.rename(serverId, 'films');
  await vi.waitFor(() =>
    expect(running.agent.status().addresses).toEqual([`https://films.${tenantDomain}`]),
  );
  expect(hub.tunnels.find(movies)).toBeUndefined();
});

/** Another agent, with a copy of the key. */
async function cloneOf(original: Running, wish: Omit<Wish, 'folder'>): Promise<Running> {
  const folder = newFolder();
  await openStateFolder(folder);
  const identity = await readFile(identityPath(original.folder));
  await writeFile(identityPath(folder), identity, { mode: 0o600 });
  return run({ ...wish, folder });
}

test('of two agents with one key the newer stays, and the other says why it left', async () => {
  const hub = await door();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const second = await cloneOf(first, { hubUrl: hub.hubUrl });
  expect(await failureOf(first)).toMatchObject({ code: 'link.replaced' });
  expect(second.agent.status().state).toBe('connected');
});

test('the one that was put out stands by: it cuts nothing of the other, says so once, and serves when that one is gone', async () => {
  const hub = await door();
  const { hubUrl } = hub;
  const originPort = await shoutingOrigin();
  const options = { standbyMs: 20 };
  const first = run({ hubUrl, token: await hub.token(), originPort, options });
  await vi.waitFor(() => expect(first.agent.status().links).toMatchObject(bothConnected), 10_000);
  const second = await cloneOf(first, { hubUrl, originPort });
  await vi.waitFor(() => expect(second.agent.status().links).toMatchObject(bothConnected), 10_000);
  const stream = (await online(hub, movies)).openStream();
  stream.write('half ');
  const knocks = (): number => hub.logged.filter(({ msg }) => msg === 'agent refused').length;
  await vi.waitFor(() => expect(knocks()).toBeGreaterThan(8), 10_000);
  stream.end('a film');
  expect((await readAll(stream)).toString()).toBe('HALF A FILM');
  expect(second.agent.status().lastFailure).toBeUndefined();

  expect(news(first)).toEqual([
    'info: your server is reachable',
    'error: another agent with the same key has taken over',
  ]);
  const { message } = await failureOf(first);
  expect(message).toMatch(
    /: stop one of the two; .* enrol there with a token of its own\. .* every 15 to 30 seconds/,
  );
  await second.stop();
  expect(await shout(await online(hub, movies), 'still here')).toBe('STILL HERE');
  await vi.waitFor(() => expect(first.agent.status().links).toMatchObject(bothConnected), 10_000);
  expect(news(first).at(-1)).toBe('info: your server is reachable');
});

/** What an owner reads of reaching the hub. */
function news({ logged }: Running): string[] {
  return logged
    .filter(({ level, msg }) => level !== 'debug' && msg !== 'link up' && !msg.startsWith('enrol'))
    .map(({ level, msg }) => `${level}: ${msg}`);
}

test('an agent whose key the hub does not know waits, and does not say whether it ever did', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  hub.stores.agents.clear();
  const again = run({ hubUrl: hub.hubUrl, folder: running.folder });
  expect(await failureOf(again)).toMatchObject({ code: 'link.unauthorised' });
});

test('a second agent on the same state folder takes over, and the first finishes its streams', async () => {
  const hub = await door();
  const originPort = await shoutingOrigin();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token(), originPort });
  const stream = (await online(hub, movies)).openStream();
  stream.write('half ');
  await vi.waitFor(() => expect(first.agent.status().streams).toBe(1));
  const second = run({ hubUrl: hub.hubUrl, folder: first.folder, originPort });
  await vi.waitFor(() => expect(messagesOf(second)).toContain('took over'), 10_000);
  expect(messagesOf(first)).toContain(
    'another agent has taken over: this one finishes its streams and ends',
  );
  expect((await readStatus(first.folder))?.state).toBe('connected');
  stream.end('a film');
  expect((await readAll(stream)).toString()).toBe('HALF A FILM');
  expect(await first.ended).toEqual({ end: 'interrupted' });
  expect(await shout(await online(hub, movies), 'still here')).toBe('STILL HERE');
  await vi.waitFor(() => expect(second.agent.status().links).toMatchObject(bothConnected));
  expect((await readStatus(first.folder))?.serverId).toBe(second.agent.status().serverId);
});

test('in a takeover the server is never without a link', async () => {
  // One more than the former has: the second link of the successor comes when the former has let go.
  const hub = await door({ limits: { linksPerAgent: 3 } });
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await vi.waitFor(() => expect(hub.tunnels.find(movies)?.links).toHaveLength(2));
  const counts: number[] = [];
  const count = (): number => counts.push(hub.tunnels.find(movies)?.links.length ?? 0);
  const looking = setInterval(count, 1);
  const second = run({ hubUrl: hub.hubUrl, folder: first.folder });
  await first.ended;
  await vi.waitFor(() => expect(second.agent.status().links).toMatchObject(bothConnected));
  clearInterval(looking);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(hub.logged.map(({ msg }) => msg)).not.toContain('two agents use one key');
  expect(first.agent.status().lastFailure).toBeUndefined();
});

test('an agent that does not reach the hub takes nothing over', async () => {
  const hub = await door();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const second = run({
    hubUrl: 'https://hub.localhost:1',
    folder: first.folder,
    config: { hub: { ...unreachableHub } },
    options: { takeoverMs: 300 },
  });
  await expect(second.ended).rejects.toMatchObject({
    code: 'status.already-running',
    message: expect.stringContaining('did not reach the hub in time'),
  });
  await vi.waitFor(() =>
    expect(messagesOf(first)).toContain(
      'the agent that was to take over did not: this one goes on',
    ),
  );
  expect((await readStatus(first.folder))?.state).toBe('connected');
  const third = run({ hubUrl: hub.hubUrl, folder: first.folder });
  await vi.waitFor(() => expect(messagesOf(third)).toContain('took over'), 10_000);
});

test('a successor that is stopped before it has taken over leaves everything as it was', async () => {
  const hub = await door();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const second = run({
    hubUrl: 'https://hub.localhost:1',
    folder: first.folder,
    config: { hub: { ...unreachableHub } },
  });
  await vi.waitFor(() => expect(second.agent.status().lastFailure).toBeDefined());
  expect(await second.stop()).toEqual({ end: 'interrupted' });
  expect((await readStatus(first.folder))?.state).toBe('connected');
});

test('an agent that still enrols has nothing to hand over', async () => {
  const first = run({ hubUrl: 'https://hub.localhost:1', token: `phe_${'a'.repeat(51)}` });
  await failureOf(first);
  const second = run({ hubUrl: 'https://hub.localhost:1', folder: first.folder });
  await expect(second.ended).rejects.toMatchObject({ code: 'status.already-running' });
});

test('a killed agent leaves no lock', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  await abandonSocket(join(running.folder, 'agent.sock'));
  run({ hubUrl: hub.hubUrl, folder: running.folder });
  expect((await online(hub, movies)).hostname).toBe(movies);
});

const bothConnected = [{ state: 'connected' }, { state: 'connected' }];

/** Behind a proxy that is down. */
const unreachableHub: Endpoint = {
  hostname: 'hub.localhost',
  port: 1,
  url: 'https://hub.localhost:1',
  proxy: {
    hostname: '127.0.0.1',
    port: 1,
    isSecure: false,
    url: 'http://127.0.0.1:1',
    authorization: undefined,
  },
};

function messagesOf({ logged }: Running): string[] {
  return logged.map(({ msg }) => msg);
}

/** What kill -9 leaves behind: the socket's file, and nobody behind it. */
async function abandonSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  const child = execFile(process.execPath, ['-e', script], () => undefined);
  await once(child, 'exit');
}
