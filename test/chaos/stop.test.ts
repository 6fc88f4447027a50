import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { enter } from './ledger.ts';
import { Scene } from './scene.ts';
import { finite } from './visitors/crowd.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000 });

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open({ HUB_DRAIN_TIMEOUT: '20s' });
}, 90_000);
afterEach(() => scene.clear());
afterAll(() => scene.close());

test('an agent that is stopped lets what runs finish, takes nothing new, and exits with 0', async () => {
  const { agent } = scene.deployment;
  const probe = scene.probe();
  const visits = scene.send(...finite(scene.door));
  await Promise.all(visits.map((visit) => visit.moves(1_000_000)));
  for (const visit of visits) visit.hold();
  const noticed = probe.until((answer) => answer === 'tunnel.offline');
  agent.program.kill('SIGTERM');
  const detectedMs = await noticed;
  for (const visit of visits) visit.release();
  const outcomes = await Promise.all(visits.map(({ outcome }) => outcome));
  expect(await agent.program.end()).toBe(0);
  agent.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'SIGTERM of the agent', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'complete')).toEqual([]);
  expect(probe.unexpected('200', 'tunnel.offline')).toEqual([]);
  await scene.isQuietAgain();
});

test('a hub that is stopped lets what runs finish, and exits with 0', async () => {
  const { hub } = scene.deployment;
  const probe = scene.probe();
  const visits = scene.send(...finite(scene.door));
  await Promise.all(visits.map((visit) => visit.moves(1_000_000)));
  for (const visit of visits) visit.hold();
  const noticed = probe.until((answer) => answer === 'unreachable');
  hub.program.kill('SIGTERM');
  const detectedMs = await noticed;
  for (const visit of visits) visit.release();
  const outcomes = await Promise.all(visits.map(({ outcome }) => outcome));
  expect(await hub.program.end()).toBe(0);
  await hub.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200', 60_000);
  enter({ fault: 'SIGTERM of the hub', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'complete')).toEqual([]);
  expect(probe.unexpected('200', 'unreachable', 'tunnel.offline', 'unaccepted')).toEqual([]);
  // The one that waited in the kernel's queue when the listener closed: whoever asks after another has only one at a time.
  expect(probe.times('unaccepted')).toBeLessThanOrEqual(1);
  await scene.isQuietAgain();
});
