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
  shoutingOrigin,
  stopEverything,
} from '../test/support/running-agent.ts';
import { readAll } from '../test/support/sessions.ts';
import { identityPath, openStateFolder } from './credentials.ts';

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

test('of two agents with one key the newer stays, and the other says why it left', async () => {
  const hub = await door();
  const first = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const copy = newFolder();
  await openStateFolder(copy);
  await writeFile(identityPath(copy), await readFile(identityPath(first.folder)), { mode: 0o600 });
  const second = run({ hubUrl: hub.hubUrl, folder: copy });
  expect(await failureOf(first)).toMatchObject({ code: 'link.replaced' });
  expect(second.agent.status().state).toBe('connected');
});

test('an agent whose key the hub does not know waits, and does not say whether it ever did', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  hub.stores.agents.clear();
  const again = run({ hubUrl: hub.hubUrl, folder: running.folder });
  expect(await failureOf(again)).toMatchObject({ code: 'link.unauthorised' });
});

test('two agents do not share a state folder, and a killed one leaves no lock', async () => {
  const hub = await door();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  const second = run({ hubUrl: hub.hubUrl, folder: running.folder });
  await expect(second.ended).rejects.toMatchObject({ code: 'status.already-running' });
  await running.stop();
  await abandonSocket(join(running.folder, 'agent.sock'));
  run({ hubUrl: hub.hubUrl, folder: running.folder });
  await online(hub, movies);
});

/** What kill -9 leaves behind: the socket's file, and nobody behind it. */
async function abandonSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  const child = execFile(process.execPath, ['-e', script], () => undefined);
  await once(child, 'exit');
}
