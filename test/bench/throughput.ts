// A contender and a number of streams arrive; bytes per second that visitors got leave, and the processor time each of its programs took for a gigabyte.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { partPath } from '../support/parts.ts';
import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender } from './contender.ts';
import { bulkPath } from './origin.ts';
import { meterCpu } from './process-tree.ts';

export interface Throughput {
  readonly bytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: Readonly<Record<string, number>>;
}

export interface ThroughputOptions {
  readonly streams: number;
  readonly seconds: number;
  readonly certificate: Certificate;
}

const gigabyte = 1e9;

/** One curl for each stream: written in C, a connection each, and its own process for the second core to run. */
export async function measureThroughput(
  contender: Contender,
  { streams, seconds, certificate }: ThroughputOptions,
): Promise<Throughput> {
  const cpu = meterCpu(contender.programs);
  const download = { port: contender.port, seconds, certificate };
  const downloads = await Promise.all(Array.from({ length: streams }, () => curl(download)));
  const gigabytes = downloads.reduce((sum, { bytes }) => sum + bytes, 0) / gigabyte;
  return {
    bytesPerSecond: downloads.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    cpuSecondsPerGigabyte: Object.fromEntries(
      Object.entries(cpu.read()).map(([name, used]) => [name, used / gigabytes]),
    ),
  };
}

export interface Download {
  readonly bytes: number;
  /** From the first byte on: handshakes belong to the requests' figures. */
  readonly bytesPerSecond: number;
}

export interface DownloadOptions {
  readonly port: number;
  readonly seconds: number;
  readonly certificate: Certificate;
}

/** Reads the film for so many seconds and throws it away. @throws when the answer was no film */
export async function curl({ port, seconds, certificate }: DownloadOptions): Promise<Download> {
  const url = `https://${visitedHost}:${port}${bulkPath}`;
  const options = {
    '--output': '/dev/null',
    '--write-out': '%{http_code} %{size_download} %{time_starttransfer} %{time_total}',
    '--cacert': certificate.authorityFile,
    '--resolve': `${visitedHost}:${port}:127.0.0.1`,
    '--max-time': String(seconds),
  };
  const { stdout, stderr } = await run(partPath('curl'), [
    ...Object.entries(options).flat(),
    '--silent',
    '--show-error',
    '--http1.1',
    url,
  ]).catch(endedByTime);
  const [status, bytes = 0, startsAt = 0, endsAt = 0] = stdout.split(' ').map(Number);
  if (status !== 200 || bytes === 0) throw new Error(`curl got ${stdout}: ${stderr}`);
  return { bytes, bytesPerSecond: bytes / (endsAt - startsAt) };
}

/** curl's exit code for its own `--max-time`. */
const timedOut = 28;

function endedByTime(error: unknown): { stdout: string; stderr: string } {
  const ended = error as { code?: unknown; stdout?: string; stderr?: string };
  if (ended.code !== timedOut) throw error;
  return { stdout: ended.stdout ?? '', stderr: ended.stderr ?? '' };
}

const run = promisify(execFile);
