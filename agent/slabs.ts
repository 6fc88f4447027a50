// Requests for a read buffer arrive; buffers leave that have room for a frame header in front, and come back to be used again.

import { Buffer } from 'node:buffer';

import { maxDataBytes, slabHeadroomBytes } from '../shared/wire/limits.ts';

export interface Slab {
  /** Headroom and payload: what a stream's writeSlab takes. */
  readonly bytes: Buffer;
  /** The payload's part: what the kernel reads into. */
  readonly payload: Buffer;
}

/** A whole data frame: a bulk read fills it, and it leaves without a copy. */
const largePayloadBytes = maxDataBytes;
/** What a quiet stream holds while it waits. Fits the head of a response; a read that fills it asks for a large one next. */
const smallPayloadBytes = 4 * 1024 - slabHeadroomBytes;

/** Kept for the next stream, per size. 64 large ones are 4 MiB: a dozen busy streams take none from the allocator. */
const keptSlabs = 64;

export class SlabPool {
  readonly #small: Slab[] = [];
  readonly #large: Slab[] = [];

  /** A buffer for a read after one that brought `formerBytes`: bulk gets a large one, trickles a small one. */
  take(formerBytes: number): Slab {
    const isBulk = formerBytes >= smallPayloadBytes;
    const kept = isBulk ? this.#large.pop() : this.#small.pop();
    return kept ?? makeSlab(isBulk ? largePayloadBytes : smallPayloadBytes);
  }

  give(slab: Slab): void {
    const kept = slab.payload.length === largePayloadBytes ? this.#large : this.#small;
    if (kept.length < keptSlabs) kept.push(slab);
  }
}

function makeSlab(payloadBytes: number): Slab {
  // Slow: a slab must not pin one of Node's shared 8 KiB pools.
  const bytes = Buffer.allocUnsafeSlow(slabHeadroomBytes + payloadBytes);
  return { bytes, payload: bytes.subarray(slabHeadroomBytes) };
}
