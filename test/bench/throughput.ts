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
export function measureThroughput(
  contender: Contender,
  { streams, seconds, certificate }: ThroughputOptions,
): Promise<Throughput> {
  return measureTransfers(contender, streams, filmFrom(contender.port, seconds, certificate));
}

/** The film, read for so many seconds and thrown away. */
export function filmFrom(port: number, seconds: number, certificate: Certificate): CurlTransfer {
  return {
    port,
    path: bulkPath,
    seconds,
    certificate,
    arguments: [],
    counts: { bytes: 'size_download', from: 'time_starttransfer' },
  };
}

export async function measureTransfers(
  contender: Contender,
  count: number,
  transfer: CurlTransfer,
): Promise<Throughput> {
  const cpu = meterCpu(contender.programs);
  const transfers = await Promise.all(Array.from({ length: count }, () => curl(transfer)));
  const gigabytes = transfers.reduce((sum, { bytes }) => sum + bytes, 0) / gigabyte;
  return {
    bytesPerSecond: transfers.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    cpuSecondsPerGigabyte: Object.fromEntries(
      Object.entries(cpu.read()).map(([name, used]) => [name, used / gigabytes]),
    ),
  };
}

export interface Transferred {
  readonly bytes: number;
  /** From the first byte on: handshakes belong to the requests' figures. */
  readonly bytesPerSecond: number;
}

export interface CurlTransfer {
  readonly port: number;
  readonly path: string;
  readonly seconds: number;
  readonly certificate: Certificate;
  readonly arguments: readonly string[];
  /** curl's names of what it counted, and of when the first byte went. */
  readonly counts: { readonly bytes: string; readonly from: string };
}

/** @throws when the answer was another than 200 */
export async function curl(transfer: CurlTransfer): Promise<Transferred> {
  const { port, path, seconds, certificate, counts } = transfer;
  const options = {
    '--output': '/dev/null',
    '--write-out': `%{http_code} %{${counts.bytes}} %{${counts.from}} %{time_total}`,
    '--cacert': certificate.authorityFile,
    '--resolve': `${visitedHost}:${port}:127.0.0.1`,
    '--max-time': String(seconds),
  };
  const { stdout, stderr } = await run(partPath('curl'), [
    ...Object.entries(options).flat(),
    '--silent',
    '--show-error',
    '--http1.1',
    ...transfer.arguments,
    `https://${visitedHost}:${port}${path}`,
  ]).catch(endedByTime);
  const [status = 0, bytes = 0, startsAt = 0, endsAt = 0] = stdout.split(' ').map(Number);
  // An upload that the time ended has no answer yet.
  if ((status !== 200 && status !== 0) || bytes === 0)
    throw new Error(`curl got ${stdout}: ${stderr}`);
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
