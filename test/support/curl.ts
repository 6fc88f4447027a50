// An address and curl's own options arrive; the answer as curl received it leaves: every head, the body as bytes, the exit code.

import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { partPath } from './parts.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface CurlAnswer {
  /** curl's own: 0, 18 for a body that broke off, 35 for a handshake that failed. */
  readonly exitCode: number;
  readonly status: number;
  /** Interim answers in front of the final one: 100, 103. */
  readonly interim: readonly number[];
  /** [name, value] of the final head, then of the trailers, names in lower case. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly sha256: string;
  /** What curl told of the connection (`--verbose`). */
  readonly told: string;
}

export interface CurlInput {
  /** Fed to curl's standard input, for `-T -` and `--data-binary @-`. */
  readonly input?: AsyncIterable<Buffer> | Buffer;
}

/** Long enough for two cores that other suites share; an answer that hangs fails here. */
const deadlineSeconds = '30';
const folder = temporaryFolder('curl');
let serial = 0;

export class Curl {
  readonly #caFile: string;

  constructor(caFile: string) {
    this.#caFile = caFile;
  }

  async get(url: string, ...options: string[]): Promise<CurlAnswer> {
    return this.send({}, url, ...options);
  }

  async send({ input }: CurlInput, url: string, ...options: string[]): Promise<CurlAnswer> {
    serial += 1;
    const headFile = join(folder.path, `head-${serial}`);
    const child = this.start(url, '--dump-header', headFile, ...options);
    child.stdin?.on('error', () => undefined);
    if (input === undefined || Buffer.isBuffer(input)) child.stdin?.end(input);
    else for await (const chunk of input) child.stdin?.write(chunk);
    child.stdin?.end();
    const [body, told, exitCode] = await Promise.all([
      collect(child.stdout),
      collect(child.stderr),
      new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1))),
    ]);
    const heads = readHeads(headFile);
    return {
      exitCode,
      ...heads,
      body,
      sha256: createHash('sha256').update(body).digest('hex'),
      told: told.toString(),
    };
  }

  /** For a body that is read while it comes. */
  start(url: string, ...options: string[]): ChildProcess {
    const own = ['--silent', '--verbose', '--no-buffer', '--max-time', deadlineSeconds];
    return spawn(partPath('curl'), [...own, '--cacert', this.#caFile, ...options, url]);
  }
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function readHeads(file: string): Pick<CurlAnswer, 'status' | 'interim' | 'fields'> {
  let text = '';
  try {
    text = readFileSync(file, 'latin1');
    rmSync(file);
  } catch {
    // No head came.
  }
  const lines = text.split('\r\n').filter((line) => line !== '');
  const statuses = lines.flatMap((line) => /^HTTP\/\S+ (\d{3})/.exec(line)?.[1] ?? []).map(Number);
  const last = lines.findLastIndex((line) => line.startsWith('HTTP/'));
  return {
    status: statuses.at(-1) ?? 0,
    interim: statuses.slice(0, -1),
    fields: lines.slice(last + 1).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  };
}

/** The values of a field, in their order. */
export function valuesOf({ fields }: Pick<CurlAnswer, 'fields'>, name: string): string[] {
  return fields.filter(([written]) => written === name).map(([, value]) => value);
}
