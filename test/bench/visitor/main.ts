// A contender's port arrives; a visitor leaves who downloads on several connections at a line's pace while asking for small things, and prints what it got.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, get, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { percentile } from '../statistics.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '' },
    port: { type: 'string', default: '' },
    authority: { type: 'string', default: '' },
    'bulk-path': { type: 'string', default: '' },
    'small-path': { type: 'string', default: '' },
    streams: { type: 'string', default: '0' },
    'warm-up-ms': { type: 'string', default: '0' },
    'measure-ms': { type: 'string', default: '1000' },
  },
});

/** A page, its pictures and a player's reports ask about this often together. */
const everyMs = 50;
/** An answer that takes longer has failed; the figure then says at least this. */
const patienceMs = 20_000;

const agent = new Agent({ keepAlive: true });
const address: RequestOptions = {
  host: '127.0.0.1',
  port: values.port,
  servername: values.host,
  headers: { host: `${values.host}:${values.port}` },
  ca: readFileSync(values.authority),
};
let bulkBytes = 0;
const latencies: number[] = [];

await warmConnections();
for (let stream = 0; stream < Number(values.streams); stream += 1) void download();
await after(Number(values['warm-up-ms']));
const startedAt = performance.now();
const bytesBefore = bulkBytes;
const asked: Promise<void>[] = [];
const measureMs = Number(values['measure-ms']);
while (performance.now() - startedAt < measureMs) {
  asked.push(ask());
  await after(everyMs - ((performance.now() - startedAt) % everyMs));
}
const bytesPerSecond = (bulkBytes - bytesBefore) / ((performance.now() - startedAt) / 1000);
await Promise.all(asked);
process.stdout.write(
  `${JSON.stringify({
    bytesPerSecond,
    requests: latencies.length,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  })}\n`,
);
process.exit(0);

async function download(): Promise<void> {
  const response = await open({ ...address, path: values['bulk-path'], agent: new Agent() });
  response.on('data', (chunk: Buffer) => (bulkBytes += chunk.length));
}

/** Handshakes are not what is measured: the agent keeps these connections for the requests to come. */
async function warmConnections(): Promise<void> {
  await Promise.all(Array.from({ length: 8 }, ask));
  latencies.length = 0;
}

async function ask(): Promise<void> {
  const askedAt = performance.now();
  const timeout = AbortSignal.timeout(patienceMs);
  try {
    const response = await open({ ...address, path: values['small-path'], agent, signal: timeout });
    response.resume();
    await once(response, 'end', { signal: timeout });
  } catch (error) {
    if (!timeout.aborted) throw error;
  }
  latencies.push(performance.now() - askedAt);
}

async function open(options: RequestOptions): Promise<IncomingMessage> {
  const [response] = (await once(get(options), 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
  return response;
}
