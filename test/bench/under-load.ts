// A contender and its line arrive; how long small requests take while eight downloads fill the line leaves, and how much of it they fill.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Certificate } from './certificate.ts';
import { visitedHost, type Contender } from './contender.ts';
import { bulkPath, smallPath } from './origin.ts';
import type { LineSpec } from './shaped-line.ts';
import { curl, filmFrom } from './throughput.ts';

export interface UnderLoad {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Payload of the downloads: frames and TLS take their part of the line besides. */
  readonly bulkBytesPerSecond: number;
}

export interface UnderLoadOptions {
  readonly line: LineSpec;
  readonly seconds: number;
  readonly certificate: Certificate;
}

const bulkStreams = 8;
/** Windows have grown and queues have filled by then. */
const warmUpSeconds = 2;

export async function measureUnderLoad(
  contender: Contender,
  { line, seconds, certificate }: UnderLoadOptions,
): Promise<UnderLoad> {
  const isShaped = line.bitsPerSecond !== undefined;
  const asked = visit(contender, {
    authority: certificate.authorityFile,
    // What a shaped line lets through, the visitor's own process reads; without one it would be the bottleneck.
    streams: isShaped ? bulkStreams : 0,
    seconds,
  });
  const download = filmFrom(contender.port, warmUpSeconds + seconds, certificate);
  const downloads = isShaped ? [] : Array.from({ length: bulkStreams }, () => curl(download));
  const [visitor, ...curls] = await Promise.all([asked, ...downloads]);
  const byCurl = curls.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
  return {
    p50Ms: visitor.p50Ms,
    p99Ms: visitor.p99Ms,
    bulkBytesPerSecond: isShaped ? visitor.bytesPerSecond : byCurl,
  };
}

interface Visit {
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function visit(
  contender: Contender,
  { authority, streams, seconds }: { authority: string; streams: number; seconds: number },
): Promise<Visit> {
  const options = {
    '--host': visitedHost,
    '--port': String(contender.port),
    '--authority': authority,
    '--bulk-path': bulkPath,
    '--small-path': smallPath,
    '--streams': String(streams),
    '--warm-up-ms': String(warmUpSeconds * 1000),
    '--measure-ms': String(seconds * 1000),
  };
  const { stdout } = await run(process.execPath, [
    visitorProgram,
    ...Object.entries(options).flat(),
  ]);
  return JSON.parse(stdout) as Visit;
}

const visitorProgram = fileURLToPath(new URL('visitor/main.ts', import.meta.url));
const run = promisify(execFile);
