import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { databaseFolders } from '../../hub/db/embedded-folders.ts';
import { findPostmaster } from '../../hub/db/postmaster.ts';
import { AgentProcess } from '../support/deployment.ts';
import { startOrigin } from '../support/origin/origin.ts';
import { enter } from './ledger.ts';
import { Scene } from './scene.ts';
import { glance } from './visitors/errands.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 180_000 });

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
}, 90_000);
afterEach(() => scene.clear());
afterAll(() => scene.close());

function postmasterPid(): number | undefined {
  const { folder } = scene.deployment.hub;
  return findPostmaster(databaseFolders({ dataDir: folder }).data)?.pid;
}

async function labels(): Promise<string[]> {
  const { stdout } = await scene.deployment.hub.run('servers', 'list', '--json');
  return [...stdout.matchAll(/"label": ?"([a-z0-9-]+)"/g)].map(([, label]) => label ?? '');
}

test('kill -9 of the hub loses no enrolment and no name, ends its database, and its agents come back', async () => {
  const { hub, agent } = scene.deployment;
  const identity = readFileSync(join(agent.folder, 'identity.json'), 'utf8');
  const pid = agent.program.pid;
  const database = postmasterPid();
  const origin = await startOrigin();
  const token = await hub.createToken('--label', 'series');
  const second = new AgentProcess({ hub, originPort: origin.port, token });
  await second.reachable();
  const probe = scene.probe();
  const crowd = await scene.gather();
  expect(await hub.run('servers', 'rename', 'series', 'shows')).toMatchObject({ exitCode: 0 });

  const noticed = probe.until((answer) => answer === 'unreachable');
  hub.program.kill('SIGKILL');
  const [detectedMs, outcomes] = [await noticed, await crowd.outcomes()];
  await hub.program.end();
  await expect.poll(postmasterPid, { interval: 20, timeout: 10_000 }).toBeUndefined();
  await hub.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200', 60_000);
  enter({ fault: 'kill -9 of the hub', detectedMs, recoveredMs }, outcomes, probe);

  expect(outcomes.filter(({ end }) => end !== 'cut')).toEqual([]);
  expect(probe.unexpected('200', 'cut', 'unaccepted', 'unreachable', 'tunnel.offline')).toEqual([]);
  expect(postmasterPid()).not.toBe(database);
  expect(await labels()).toEqual(expect.arrayContaining(['movies', 'shows']));
  expect(agent.program.pid).toBe(pid);
  expect(readFileSync(join(agent.folder, 'identity.json'), 'utf8')).toBe(identity);
  const shows = { ...scene.door, hostname: scene.door.hostname.replace('movies', 'shows') };
  await expect
    .poll(async () => (await glance(shows).outcome).end, { interval: 50, timeout: 40_000 })
    .toBe('complete');
  await second.stop();
  await origin.stop();
  await scene.isQuietAgain();
});

test('kill -9 of the database interrupts no visitor, and enrolment works again by itself', async () => {
  const { hub } = scene.deployment;
  const database = postmasterPid() ?? 0;
  const probe = scene.probe();
  const crowd = await scene.gather();
  const struckAt = performance.now();
  process.kill(database, 'SIGKILL');
  const token = await hub.createToken('--label', 'third');
  const origin = await startOrigin();
  const third = new AgentProcess({ hub, originPort: origin.port, token });
  await third.reachable();
  const recoveredMs = performance.now() - struckAt;
  await crowd.goesOn();
  await probe.until((answer) => answer === '200');
  crowd.leave();
  enter({ fault: 'kill -9 of the database', detectedMs: undefined, recoveredMs }, [], probe);
  expect(probe.unexpected('200')).toEqual([]);
  expect(postmasterPid()).not.toBe(database);
  await third.stop();
  await origin.stop();
  await scene.isQuietAgain();
});
