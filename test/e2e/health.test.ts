// A machine asks a running hub whether it lives and serves, at its own name and where monitoring asks: while all is well, while the database hangs, and while it drains.

import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { deploy, type Deployment } from '../support/deployment.ts';
import { startOrigin, type Origin } from '../support/origin/origin.ts';
import { Scraped } from '../support/scrape.ts';
import { Visitor } from '../support/visitor.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });
const patience = { timeout: 30_000, interval: 50 };

let origin: Origin;
let deployed: Deployment;
let monitoring: Scraped;
/** At the hub's own name. */
let hub: Visitor;
let visitor: Visitor;

beforeAll(async () => {
  origin = await startOrigin();
  const settings = { HUB_DRAIN_TIMEOUT: '30s' };
  deployed = await deploy({ originPort: origin.port, hub: { settings } });
  monitoring = await Scraped.of(deployed.hub.program);
  hub = new Visitor(deployed.hub.url, deployed.hub.caFile);
  visitor = new Visitor(deployed.address, deployed.hub.caFile);
});
afterAll(async () => {
  visitor?.leave();
  hub?.leave();
  await deployed?.stop();
  await origin?.stop();
});

interface Answered {
  readonly status: number | undefined;
  readonly body: string;
}

async function atMonitoring(path: string, method = 'GET'): Promise<Answered> {
  const answer = await monitoring.ask(path, method);
  return { status: answer.status, body: await answer.text() };
}

async function atOwnName(path: string, method = 'GET'): Promise<Answered> {
  const answer = await hub.ask(path, { method });
  const pieces: Buffer[] = await answer.toArray();
  return { status: answer.statusCode, body: Buffer.concat(pieces).toString() };
}

const allReady = {
  database: { ready: true },
  certificates: { ready: true },
  gateway: { ready: true },
};

describe.each([
  ['where monitoring asks', atMonitoring],
  ['at its own name', atOwnName],
])('%s', (_, ask) => {
  test('a hub that serves is alive and ready', async () => {
    expect(await ask('/healthz')).toEqual({ status: 200, body: expect.stringContaining('true') });
    const { status, body } = await ask('/readyz');
    expect([status, JSON.parse(body)]).toEqual([200, allReady]);
  });

  test('HEAD is answered without a body', async () => {
    for (const path of ['/healthz', '/readyz'])
      expect(await ask(path, 'HEAD')).toEqual({ status: 200, body: '' });
  });
});

test('at its own name nothing else is asked of whoever asks, and nothing is kept', async () => {
  const answer = await hub.ask('/readyz', { headers: { cookie: 'a=b', origin: 'https://x.y' } });
  answer.resume();
  expect(answer.statusCode).toBe(200);
  expect(answer.headers).toMatchObject({
    'cache-control': 'no-store',
    'content-type': 'application/json',
  });
  expect(answer.headers['set-cookie']).toBeUndefined();
});

test('on a server’s name both paths are the server’s', async () => {
  const answer = await visitor.ask('/readyz');
  answer.resume();
  expect(origin.seen.at(-1)).toMatchObject({ target: '/readyz' });
});

test('a database that hangs is told of in time, at both doors, and believed when it is back', async () => {
  const pids = databasePids(deployed.hub.folder);
  try {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    for (const ask of [atMonitoring, atOwnName]) {
      await expect.poll(async () => (await ask('/readyz')).status, patience).toBe(503);
      const { database, ...others } = JSON.parse((await ask('/readyz')).body) as typeof allReady;
      expect(database).toEqual({ ready: false, reason: expect.stringContaining('too long') });
      expect(others).toMatchObject({ certificates: { ready: true }, gateway: { ready: true } });
      expect((await ask('/healthz')).status).toBe(200);
    }
    expect(await monitoring.value('phlix_hub_ready', { part: 'database' })).toBe(0);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  await expect.poll(async () => (await atOwnName('/readyz')).status, patience).toBe(200);
  expect(await monitoring.value('phlix_hub_ready', { part: 'database' })).toBe(1);
});

test('a hub that drains says so for as long as it lasts, and is alive', async () => {
  const film = await visitor.ask('/content/film/30000000');
  film.pause();
  deployed.hub.program.kill('SIGTERM');
  await expect.poll(async () => (await atMonitoring('/readyz')).status, patience).toBe(503);
  const { gateway } = JSON.parse((await atMonitoring('/readyz')).body) as typeof allReady;
  expect(gateway).toEqual({ ready: false, reason: expect.stringContaining('drains') });
  expect((await atMonitoring('/healthz')).status).toBe(200);
  expect(await monitoring.value('phlix_hub_ready', { part: 'gateway' })).toBe(0);
  film.destroy();
  expect(await deployed.hub.program.end()).toBe(0);
  await expect(atMonitoring('/healthz')).rejects.toThrow('fetch failed');
});

/** The server and everything that it has started: those that answer queries. */
function databasePids(folder: string): number[] {
  const file = readFileSync(join(folder, 'database', 'data', 'postmaster.pid'), 'utf8');
  const server = Number(file.split('\n', 1)[0]);
  const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8');
  return [server, ...children.trim().split(' ').map(Number)];
}
