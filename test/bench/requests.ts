// A contender and a number of connections arrive; small requests per second leave, and how long they took.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { partPath } from '../support/parts.ts';
import { visitedHost, type Contender } from './contender.ts';
import { smallPath } from './origin.ts';
import { meterCpu } from './process-tree.ts';

export interface Requests {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Refused, broken or answered with an error. */
  readonly failures: number;
  /** Of a thousand requests, by program: steadier than their rate where others use the processors, too. */
  readonly cpuSecondsPerThousand: Readonly<Record<string, number>>;
}

export interface RequestsOptions {
  readonly connections: number;
  readonly seconds: number;
}

/** Kept-alive connections, each with one request at a time, as fast as the answers come. */
export async function measureRequests(
  contender: Contender,
  { connections, seconds }: RequestsOptions,
): Promise<Requests> {
  const url = `https://${visitedHost}:${contender.port}${smallPath}`;
  const options = {
    '--threads': String(Math.min(2, connections)),
    '--connections': String(connections),
    '--duration': `${seconds}s`,
    '--timeout': '10s',
    '--script': script,
  };
  const cpu = meterCpu(contender.programs);
  const { stdout } = await run(partPath('wrk'), [
    ...Object.entries(options).flat(),
    '--latency',
    url,
  ]);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>;
  const { requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, failures = 0 } = last;
  if (requests === 0) throw new Error(`wrk got no answer:\n${stdout}`);
  return {
    perSecond: requests / (durationUs / 1e6),
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
    failures,
    cpuSecondsPerThousand: Object.fromEntries(
      Object.entries(cpu.read()).map(([name, used]) => [name, (used * 1000) / requests]),
    ),
  };
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));
const run = promisify(execFile);
