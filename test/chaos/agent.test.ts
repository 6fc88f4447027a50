import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { enter } from './ledger.ts';
import { pingDeadlineMs, pingIntervalMs, Scene } from './scene.ts';
import { finite } from './visitors/crowd.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000 });

const busyMs = 3000;
let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
}, 90_000);
afterEach(() => scene.clear());
afterAll(() => scene.close());

test('kill -9 of the agent cuts every visitor visibly, and a new agent needs nobody', async () => {
  const { agent } = scene.deployment;
  const probe = scene.probe();
  const crowd = await scene.gather();
  const noticed = probe.until((answer) => answer === 'tunnel.offline');
  agent.program.kill('SIGKILL');
  const [detectedMs, outcomes] = [await noticed, await crowd.outcomes()];
  await agent.program.ended;
  agent.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'kill -9 of the agent', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
  expect(probe.unexpected('200', 'tunnel.lost', 'tunnel.offline')).toEqual([]);
  await scene.isQuietAgain();
});

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
  expect(await agent.program.ended).toBe(0);
  agent.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'SIGTERM of the agent', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'complete')).toEqual([]);
  expect(probe.unexpected('200', 'tunnel.offline')).toEqual([]);
  await scene.isQuietAgain();
});

test('an agent that is frozen is noticed by its silence, and comes back when it thaws', async () => {
  const { agent } = scene.deployment;
  const { pid } = agent.program;
  const probe = scene.probe();
  const crowd = await scene.gather();
  const noticed = probe.until((answer) => answer === 'tunnel.offline');
  agent.program.kill('SIGSTOP');
  const [detectedMs, outcomes] = [await noticed, await crowd.outcomes()];
  agent.program.kill('SIGCONT');
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'SIGSTOP of the agent', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
  expect(detectedMs).toBeLessThan(pingIntervalMs + pingDeadlineMs + busyMs);
  expect(probe.unexpected('200', 'tunnel.lost', 'tunnel.offline')).toEqual([]);
  expect(agent.program.pid).toBe(pid);
  await scene.isQuietAgain();
});
