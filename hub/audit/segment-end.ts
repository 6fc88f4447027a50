// The youngest file of a chain arrives, perhaps left in the middle of a line; where the chain goes on leaves.

import { open, truncate, type FileHandle } from 'node:fs/promises';

import { tailBytes } from './limits.ts';
import { readLine, type ChainHead, type ReadLine } from './line.ts';
import { linesOf, type SegmentFile } from './segment-files.ts';

export interface SegmentEnd {
  readonly inode: number;
  /** Of whole lines. */
  readonly bytes: number;
  /** Behind those, of a line without a line feed. */
  readonly unfinishedBytes: number;
  /** Undefined: what stands at the end is no line of ours. */
  readonly head: ChainHead | undefined;
  /** Nothing may follow in this file. */
  readonly isClosed: boolean;
  /** What its first line says, if it is one of ours. */
  readonly chain: string | undefined;
  readonly begunAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export async function readEnd(segment: SegmentFile): Promise<SegmentEnd> {
  if (segment.isPacked) return readPackedEnd(segment);
  const file = await open(segment.path, 'r');
  try {
    const { size, ino: inode } = await file.stat();
    const tail = await readAt(file, Math.max(0, size - tailBytes), Math.min(size, tailBytes));
    const whole = tail.lastIndexOf(lineFeed) + 1;
    const unfinishedBytes = tail.length - whole;
    const last = readLine(lastLineOf(tail.subarray(0, whole)));
    const first = readLine(firstLineOf(await readAt(file, 0, Math.min(size, tailBytes))));
    return { inode, bytes: size - unfinishedBytes, unfinishedBytes, ...told(first, last) };
  } finally {
    await file.close();
  }
}

/**
 * Only for who holds the lock: the writer of an unfinished line was killed, and nobody was told that it is written. What
 * followed it would be glued to it.
 */
export async function cutUnfinished({ path }: SegmentFile, end: SegmentEnd): Promise<void> {
  if (end.unfinishedBytes > 0) await truncate(path, end.bytes);
}

const lineFeed = 0x0a;

function told(
  first: ReadLine | undefined,
  last: ReadLine | undefined,
): Pick<SegmentEnd, 'head' | 'isClosed' | 'chain' | 'begunAt' | 'endedAt'> {
  return {
    head: last?.record,
    isClosed: last?.record.event === 'segment.close',
    chain: first?.chain,
    begunAt: first?.record.at,
    endedAt: last?.record.at,
  };
}

/** Only if somebody took the plain files away: nothing is written into a packed one. */
async function readPackedEnd(segment: SegmentFile): Promise<SegmentEnd> {
  let first: string | undefined;
  let last = '';
  for await (const line of linesOf(segment)) {
    first ??= line;
    last = line;
  }
  const ends = told(readLine(first ?? ''), readLine(last));
  return { inode: 0, bytes: 0, unfinishedBytes: 0, ...ends, isClosed: true };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** `bytes` ends with a line feed, or is empty. */
function lastLineOf(bytes: Buffer): string {
  const text = bytes.toString('utf8').slice(0, -1);
  return text.slice(text.lastIndexOf('\n') + 1);
}

function firstLineOf(bytes: Buffer): string {
  const end = bytes.indexOf(lineFeed);
  return bytes.subarray(0, Math.max(0, end)).toString('utf8');
}
