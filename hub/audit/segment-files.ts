// The audit folder arrives; its files leave in the order of the chain, with their bytes, whether packed or not.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

import { leaveToOwner } from '../../shared/ownership.ts';

export interface SegmentFile {
  readonly number: number;
  readonly name: string;
  readonly path: string;
  readonly isPacked: boolean;
}

export function segmentName(number: number): string {
  return `audit-${String(number).padStart(8, '0')}.jsonl`;
}

/** Oldest first. Of a file that stands there packed and plain, as after a kill in between, the plain one. */
export async function listSegments(folder: string): Promise<SegmentFile[]> {
  const found = new Map<number, SegmentFile>();
  for (const name of await readdir(folder)) {
    const [, digits, packed] = namePattern.exec(name) ?? [];
    if (digits === undefined) continue;
    const number = Number(digits);
    const isPacked = packed !== undefined;
    if (isPacked && found.has(number)) continue;
    found.set(number, { number, name, path: join(folder, name), isPacked });
  }
  return [...found.values()].toSorted((a, b) => a.number - b.number);
}

const namePattern = /^audit-(\d{8,})\.jsonl(\.gz)?$/;

/** `bytes`: no more of it, where somebody may be writing behind them. A plain file that has just been packed is found as well. */
async function readSegment(segment: SegmentFile, bytes = Infinity): Promise<Readable> {
  const { path, isPacked } = segment;
  try {
    const file = await open(path, 'r');
    const stream = bytes === 0 ? Readable.from([]) : file.createReadStream({ end: bytes - 1 });
    if (bytes === 0) await file.close();
    if (!isPacked) return stream;
    const plain = createGunzip();
    stream.on('error', (error: Error) => plain.destroy(error));
    return stream.pipe(plain);
  } catch (error) {
    if (isPacked || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return readSegment({ ...segment, path: `${path}.gz`, isPacked: true });
  }
}

/** The last one may lack its line feed. */
export async function* linesOf(segment: SegmentFile, bytes?: number): AsyncGenerator<string> {
  const stream = await readSegment(segment, bytes);
  let rest = '';
  stream.setEncoding('utf8');
  for await (const piece of stream) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** SHA-256 of what the file holds, unpacked. */
export async function hashOf(segment: SegmentFile): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of await readSegment(segment)) digest.update(piece as Buffer);
  return digest.digest('hex');
}

/** Whole or not at all, whenever the process ends: the plain file goes when the packed one is on the disk. */
export async function pack(folder: string, segment: SegmentFile): Promise<void> {
  const part = `${segment.path}.gz.${process.pid}.part`;
  const file = await openNew(part);
  try {
    leaveToOwner(part, file.fd);
    await pipeline(createReadStream(segment.path), createGzip(), async (packed) =>
      file.writeFile(packed),
    );
  } finally {
    await file.close();
  }
  await persist(part);
  await rename(part, `${segment.path}.gz`);
  await persist(folder);
  await unlink(segment.path);
}

/** A new file with these bytes, on the disk under its name or not there at all. */
export async function createWhole(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  const part = `${path}.part`;
  const file = await openNew(part);
  try {
    leaveToOwner(part, file.fd);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
  await persist(folder);
}

/** What lies under its name is what a killed process left, and no place for these bytes: it may be a link. */
async function openNew(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, 'wx', 0o600);
}

/** What a killed process was packing. Those of living ones are younger than this. */
export async function sweepParts(folder: string, now: Date): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.part')) continue;
    const path = join(folder, name);
    const age = now.getTime() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity);
    if (age > partPatienceMs) await rm(path, { force: true });
  }
}

const partPatienceMs = 3_600_000;

async function persist(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
