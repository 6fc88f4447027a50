import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { contentHash, contentStream, measure } from '../support/content.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { mebibytes, print } from '../support/figures.ts';
import { chosenCases } from '../support/long-form.ts';
import { Program } from '../support/program.ts';
import { Visitor } from '../support/visitor.ts';

/** In the long form past 2 GiB - 1, where 32 bits end; otherwise thrice what a process may grow by. */
const [gibibytes = '0.6'] = chosenCases(['2'], ['0.6']);
const bytes = Math.ceil(Number(gibibytes) * 1024 ** 3);
const transferDeadlineMs = 120_000;
/**
 * What a transfer may add to the memory of a process: windows, the kernel's and Node's buffers, and garbage not yet
 * collected come to about 60 MiB. A process that keeps what it forwards would be at all of it.
 */
const growthBoundBytes = 192 * 1024 ** 2;

let origin: Program;
let deployment: Deployment;
let visitor: Visitor;

beforeAll(async () => {
  const script = fileURLToPath(new URL('../support/origin/main.ts', import.meta.url));
  origin = new Program({ command: [process.execPath, script] });
  const [, port] = await origin.waitForLine(/listening on .*:(\d+)/);
  deployment = await deploy({ originPort: Number(port) });
  visitor = new Visitor(deployment.address, deployment.hub.caFile);
});

afterAll(async () => {
  visitor?.leave();
  await deployment?.stop();
  await origin?.stop();
});

test(
  `a download of ${gibibytes} GiB arrives whole, in bounded memory`,
  { timeout: transferDeadlineMs },
  async () => {
    const { received, growth } = await watched('down', async () => {
      const answer = await visitor.ask(`/content/large/${bytes}`);
      return measure(answer);
    });
    expect(received).toEqual({ bytes, sha256: contentHash('large', 0, bytes) });
    expectBounded(growth);
  },
);

test(
  `an upload of ${gibibytes} GiB arrives whole, in bounded memory`,
  { timeout: transferDeadlineMs },
  async () => {
    const { received, growth } = await watched('up', async () => {
      const body = contentStream('large', 0, bytes);
      const headers = { 'content-length': bytes };
      const answer = await visitor.ask('/upload', { method: 'PUT', headers, body });
      const chunks = await answer.setEncoding('utf8').toArray();
      return JSON.parse(chunks.join('')) as object;
    });
    expect(received).toMatchObject({ bytes, sha256: contentHash('large', 0, bytes) });
    expectBounded(growth);
  },
);

/** Bytes, by process. */
interface Memory {
  readonly hub: number;
  readonly agent: number;
}

/** Runs the transfer with an eye on the memory of hub and agent, and prints what it took. */
async function watched<Received>(
  direction: string,
  transfer: () => Promise<Received>,
): Promise<{ received: Received; growth: Memory }> {
  const { hub, agent } = { hub: deployment.hub.program, agent: deployment.agent.program };
  for (const program of [hub, agent]) program.forgetPeakMemory();
  const before = { hub: hub.memory().bytes, agent: agent.memory().bytes };
  const startedAt = performance.now();
  const received = await transfer();
  const seconds = (performance.now() - startedAt) / 1000;
  const peak = { hub: hub.memory().peakBytes, agent: agent.memory().peakBytes };
  const rate = `${seconds.toFixed(1)} s, ${Math.round(bytes / seconds / 1e6)} MB/s`;
  const resident = (name: 'hub' | 'agent'): string =>
    `${name} ${mebibytes(before[name])} before, ${mebibytes(peak[name])} at most`;
  print('large', `${mebibytes(bytes)} ${direction}: ${rate}`);
  print('large', `resident memory: ${resident('hub')}; ${resident('agent')}`);
  return { received, growth: { hub: peak.hub - before.hub, agent: peak.agent - before.agent } };
}

function expectBounded({ hub, agent }: Memory): void {
  expect(hub).toBeLessThan(growthBoundBytes);
  expect(agent).toBeLessThan(growthBoundBytes);
}
