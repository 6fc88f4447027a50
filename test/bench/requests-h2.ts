// A contender arrives; small requests per second over one HTTP/2 connection leave, and how long they took.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { visitedHost, type Contender } from './contender.ts';
import { smallPath } from './origin.ts';
import { meterCpu } from './process-tree.ts';
import type { Requests } from './requests.ts';
import { percentile } from './statistics.ts';

/** What a browser opens to a server: one connection, and as much on it as it has to ask. */
export async function measureHttp2Requests(
  contender: Contender,
  { streams, seconds }: { streams: number; seconds: number },
): Promise<Requests> {
  const folder = temporaryFolder('bench-requests');
  const logFile = join(folder.path, 'log');
  const options = {
    '--clients': '1',
    '--threads': '1',
    '--max-concurrent-streams': String(streams),
    '--duration': `${seconds}s`,
    '--npn-list': 'h2',
    '--connect-to': `127.0.0.1:${contender.port}`,
    '--log-file': logFile,
  };
  const cpu = meterCpu(contender.programs);
  const { stdout } = await run(partPath('nghttp2'), [
    ...Object.entries(options).map(([name, value]) => `${name}=${value}`),
    `https://${visitedHost}:${contender.port}${smallPath}`,
  ]);
  const answers = readAnswers(logFile);
  folder.remove();
  const isHttp2 = /^Application protocol: h2$/m.test(stdout);
  if (!isHttp2 || answers.length === 0) throw new Error(`h2load got no answer:\n${stdout}`);
  const latencies = answers.map(({ durationUs }) => durationUs / 1000);
  return {
    perSecond: answers.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    failures: answers.filter(({ status }) => status !== 200).length,
    cpuSecondsPerThousand: Object.fromEntries(
      Object.entries(cpu.read()).map(([name, used]) => [name, (used * 1000) / answers.length]),
    ),
  };
}

interface Answer {
  readonly status: number;
  readonly durationUs: number;
}

/** Lines of `start in microseconds, status, duration in microseconds`. Requests that the end of the time cut are not among them. */
function readAnswers(file: string): Answer[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines
    .map((line) => line.split('\t').map(Number))
    .filter(([, , durationUs]) => durationUs !== undefined)
    .map(([, status = 0, durationUs = 0]) => ({ status, durationUs }));
}

const run = promisify(execFile);
