// Writes and slabs of one stream come in; pieces for one frame each go out: several writes together, a slab by itself.

import type { Buffer } from 'node:buffer';
import { slabHeadroomBytes } from '../wire/limits.ts';
import { borrowFrameBuffer, frameBufferReturn } from './frame-buffers.ts';
import { Queue } from './queue.ts';

/** Bytes source[start..end), with room for a frame's header in front if it says so. */
export interface Outbound {
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
  readonly hasHeadroom: boolean;
  /** Called when nobody needs the source any more. */
  readonly written: (() => void) | undefined;
}

interface Waiting extends Outbound {
  start: number;
  hasHeadroom: boolean;
  readonly isSlab: boolean;
}

export class Outbox {
  readonly #waiting = new Queue<Waiting>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.isEmpty;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(outbound: Outbound): void {
    this.#waiting.push({ ...outbound, isSlab: outbound.hasHeadroom });
    this.#bytes += outbound.end - outbound.start;
  }

  /** `moreBytes`: how much of what is not here yet comes as soon as writes are said to be done. */
  take(maxBytes: number, moreBytes: number): Outbound | undefined {
    const next = this.#waiting.first;
    if (next === undefined) return undefined;
    const bytes = Math.min(maxBytes, this.#bytes + moreBytes);
    return next.isSlab || bytes <= next.end - next.start
      ? this.#cut(next, maxBytes)
      : this.#gather(bytes);
  }

  discard(): void {
    for (const { written } of this.#waiting.drain()) written?.();
    this.#bytes = 0;
  }

  #cut(next: Waiting, maxBytes: number): Outbound {
    const { source, start, end } = next;
    const length = Math.min(maxBytes, end - start);
    const isWhole = length === end - start;
    // The headroom serves the first frame only, and only when the transport holds the slab until all of it was sent.
    const hasHeadroom = isWhole && next.hasHeadroom;
    this.#bytes -= length;
    next.start += length;
    next.hasHeadroom = false;
    if (isWhole) this.#waiting.shift();
    const written = isWhole ? next.written : undefined;
    return { source, start, end: start + length, hasHeadroom, written };
  }

  /** A frame costs the same whatever its size. A write that was copied is done, and the next ones may come while this goes on. */
  #gather(maxBytes: number): Outbound {
    const buffer = borrowFrameBuffer(slabHeadroomBytes + maxBytes);
    const limit = slabHeadroomBytes + maxBytes;
    let at = slabHeadroomBytes;
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      const { source, start, end } = next;
      const length = source.copy(buffer, at, start, Math.min(end, start + limit - at));
      at += length;
      this.#bytes -= length;
      next.start += length;
      if (next.start < end) break;
      this.#waiting.shift();
      next.written?.();
      if (at === limit) break;
    }
    const written = frameBufferReturn(buffer);
    return { source: buffer, start: slabHeadroomBytes, end: at, hasHeadroom: true, written };
  }
}
