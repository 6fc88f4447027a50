// A seed and a place arrive; the bytes of an endless, always equal body leave, so that any part of any size can be checked by hash.

import { Buffer } from 'node:buffer';
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const chunkBytes = 64 * 1024;
const blockBytes = 16;

/**
 * The keystream of AES-128 in counter mode: gigabytes a second, any offset reached at once, and no two places alike,
 * so a chunk that is lost, doubled or misplaced changes the hash.
 */
export function contentBytes(seed: string, offset: number, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const counter = Buffer.alloc(blockBytes);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / blockBytes)), 8);
  const skipped = offset % blockBytes;
  const cipher = createCipheriv('aes-128-ctr', key, counter);
  return cipher.update(Buffer.alloc(skipped + length)).subarray(skipped);
}

/** Bytes `first` to `end` (not included). */
export function contentStream(seed: string, first: number, end: number): Readable {
  return Readable.from(chunks(seed, first, end), { objectMode: false, highWaterMark: chunkBytes });
}

export function contentHash(seed: string, first: number, end: number): string {
  const hash = createHash('sha256');
  for (const chunk of chunks(seed, first, end)) hash.update(chunk);
  return hash.digest('hex');
}

/** Reads it to its end: how many bytes there were, and their SHA-256. */
export async function measure(
  body: AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

function* chunks(seed: string, first: number, end: number): Generator<Buffer> {
  for (let offset = first; offset < end; offset += chunkBytes) {
    yield contentBytes(seed, offset, Math.min(chunkBytes, end - offset));
  }
}
