import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { contentHash, measure } from '../support/content.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { percentile, print } from '../support/figures.ts';
import { Program } from '../support/program.ts';
import { Visitor } from '../support/visitor.ts';

const megabyte = 1_000_000;
/** More than every buffer on the way together, so that whoever stops reading stops its stream. */
const stoppedBytes = 100 * megabyte;
const bulkBytes = 100 * megabyte;
const bulkVisitors = 8;

let origin: Program;
let deployment: Deployment;
const visitors: Visitor[] = [];

beforeAll(async () => {
  const script = fileURLToPath(new URL('../support/origin/main.ts', import.meta.url));
  origin = new Program({ command: [process.execPath, script] });
  const [, port] = await origin.waitForLine(/listening on .*:(\d+)/);
  deployment = await deploy({ originPort: Number(port) });
});

afterAll(async () => {
  for (const visitor of visitors) visitor.leave();
  await deployment?.stop();
  await origin?.stop();
});

test('who stops reading, and who downloads, keeps nobody else waiting', async () => {
  const small = await askSmallThings(200);
  const stopped = await visitor().ask(`/content/stopped/${stoppedBytes}`);
  stopped.pause();

  let isBusy = true;
  const bulk = Promise.all(Array.from({ length: bulkVisitors }, download)).finally(() => {
    isBusy = false;
  });
  const startedAt = performance.now();
  const meanwhile = await askSmallThings(Infinity, () => isBusy);
  const downloads = await bulk;
  const seconds = (performance.now() - startedAt) / 1000;

  for (const [seed, received] of downloads.entries()) {
    expect(received).toEqual({
      bytes: bulkBytes,
      sha256: contentHash(`bulk-${seed}`, 0, bulkBytes),
    });
  }
  expect(meanwhile.length).toBeGreaterThan(10);
  expect(await continued(stopped)).toEqual({
    bytes: stoppedBytes,
    sha256: contentHash('stopped', 0, stoppedBytes),
  });
  const rate = Math.round((bulkVisitors * bulkBytes) / seconds / megabyte);
  print('fairness', `${bulkVisitors} downloads beside a stopped one: ${rate} MB/s together`);
  print('fairness', `small requests alone: ${latencies(small)}`);
  print('fairness', `small requests meanwhile: ${latencies(meanwhile)}`);
}, 60_000);

function visitor(): Visitor {
  const made = new Visitor(deployment.address, deployment.hub.caFile);
  visitors.push(made);
  return made;
}

async function download(_: unknown, seed: number): Promise<{ bytes: number; sha256: string }> {
  return measure(await visitor().ask(`/content/bulk-${seed}/${bulkBytes}`));
}

/** One after the other; returns how long each took, in milliseconds. */
async function askSmallThings(
  count: number,
  goesOn: () => boolean = () => true,
): Promise<number[]> {
  const asking = visitor();
  const took: number[] = [];
  while (took.length < count && goesOn()) {
    const startedAt = performance.now();
    const answer = await asking.ask('/request');
    await answer.toArray();
    expect(answer.statusCode).toBe(200);
    took.push(performance.now() - startedAt);
  }
  return took;
}

/** Most of it must still be to come: a stream that was buffered somewhere would prove nothing. */
async function continued(stopped: IncomingMessage): Promise<{ bytes: number; sha256: string }> {
  expect(stopped.socket.bytesRead).toBeLessThan(stoppedBytes / 2);
  return measure(stopped);
}

function latencies(took: readonly number[]): string {
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
  return `${took.length}, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}
