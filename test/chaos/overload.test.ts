import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { deploy, type Deployment } from '../support/deployment.ts';
import { print } from '../support/figures.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { download, glance } from './visitors/errands.ts';
import { type Door, doorOf, type Visit } from './visitors/visit.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 90_000 });

const mebibyte = 2 ** 20;
/** What a hub may take above what it takes with nobody there: a fraction of what these visitors make it hold. */
const roomMebibytes = 48;
const mostVisitors = 300;

let origin: Origin;
let deployment: Deployment;
let door: Door;
const visits: Visit[] = [];
const settings: Record<string, string> = {
  HUB_LIMIT_CONNECTIONS_PER_ADDRESS: '1000',
  HUB_LIMIT_STREAMS_PER_VISITOR: '1000',
  HUB_LIMIT_STREAMS_PER_TUNNEL: '1000',
};

beforeAll(async () => {
  origin = await startOrigin();
  deployment = await deploy({ originPort: origin.port, hub: { settings } });
  door = doorOf(deployment);
  await glance(door).outcome;
});
afterAll(async () => {
  leave();
  await deployment?.stop();
  await origin?.stop();
});

function leave(): void {
  for (const visit of visits.splice(0)) visit.leave();
}

async function answered(): Promise<string> {
  const { end, detail } = await glance(door).outcome;
  return end === 'refused' ? detail : end;
}

/** Takes a second of film and then nothing more: what is under way stays in windows and buffers. */
async function comeAndStop(): Promise<void> {
  const visit = download(door, { isChunked: true });
  visits.push(visit);
  await visit.moves(100_000);
  visit.hold();
}

test('a hub short of memory refuses new requests, says so, and takes them again when it is over', async () => {
  const { hub } = deployment;
  const idleMebibytes = Math.ceil(hub.program.memory().bytes / mebibyte);
  await hub.stop();
  settings['HUB_LIMIT_MEMORY'] = `${Math.ceil((idleMebibytes + roomMebibytes) / 0.7)}MiB`;
  await hub.startAgain();
  await expect.poll(answered, { timeout: 30_000 }).toBe('complete');
  let answer = 'complete';
  while (answer === 'complete' && visits.length < mostVisitors) {
    // Some of them are refused already.
    await Promise.allSettled(Array.from({ length: 20 }, comeAndStop));
    answer = await answered();
  }
  const peakMebibytes = hub.program.memory().bytes / mebibyte;
  expect(answer).toBe('edge.overloaded');
  await hub.program.waitForLine(/"warn".*HUB_LIMIT_MEMORY.*new requests are refused/);
  print('overload', `${visits.length} held visitors, ${peakMebibytes.toFixed(0)} MiB resident`);
  const leftAt = performance.now();
  leave();
  await expect.poll(answered, { timeout: 60_000, interval: 200 }).toBe('complete');
  const seconds = (performance.now() - leftAt) / 1000;
  const restMebibytes = hub.program.memory().bytes / mebibyte;
  print('overload', `over after ${seconds.toFixed(1)} s, ${restMebibytes.toFixed(0)} MiB resident`);
  await hub.program.waitForLine(/"warn".*new requests are accepted/);
});
