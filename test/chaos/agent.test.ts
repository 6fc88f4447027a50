import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { enter } from './ledger.ts';
import { pingDeadlineMs, pingIntervalMs, Scene, shortPings } from './scene.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000 });

const busyMs = 10_000;
let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open(shortPings);
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
  await agent.program.end();
  agent.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'kill -9 of the agent', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
  expect(probe.unexpected('200', 'tunnel.lost', 'tunnel.offline')).toEqual([]);
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

test('a hub whose time to drain is over cuts visibly what has no end, and exits with 0', async () => {
  const { hub } = scene.deployment;
  const crowd = await scene.gather();
  const stoppedAt = performance.now();
  hub.program.kill('SIGTERM');
  const outcomes = await crowd.outcomes();
  expect(await hub.program.end()).toBe(0);
  const detectedMs = performance.now() - stoppedAt;
  enter({ fault: 'end of the drain', detectedMs, recoveredMs: undefined }, outcomes);
  expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
});
