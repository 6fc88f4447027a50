import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { deploy } from '../support/deployment.ts';
import { OriginProcess } from './origin-process.ts';
import { enter } from './ledger.ts';
import { noResume, Scene } from './scene.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 60_000 });

let origin: OriginProcess;
let scene: Scene;

beforeAll(async () => {
  origin = await OriginProcess.start();
  scene = new Scene(origin, await deploy({ originPort: origin.port, hub: { settings: noResume } }));
}, 90_000);
afterEach(() => scene.clear());
afterAll(() => scene.close());

test('kill -9 of the origin cuts its visitors visibly, and the link stays as it is', async () => {
  const { agent } = scene.deployment;
  const probe = scene.probe();
  const crowd = await scene.gather();
  const noticed = probe.until((answer) => answer === 'origin.unreachable');
  origin.kill();
  const [detectedMs, outcomes] = [await noticed, await crowd.outcomes()];
  await origin.startAgain();
  const recoveredMs = await probe.until((answer) => answer === '200');
  enter({ fault: 'kill -9 of the origin', detectedMs, recoveredMs }, outcomes, probe);
  expect(outcomes.filter(({ end }) => end !== 'cut' && end !== 'refused')).toEqual([]);
  expect(probe.unexpected('200', 'origin.closed', 'origin.unreachable', 'cut')).toEqual([]);
  expect(agent.program.output.match(/your server is reachable/g)).toHaveLength(1);
  expect(agent.program.output).not.toMatch(/not connected/);
  await scene.isQuietAgain();
});
