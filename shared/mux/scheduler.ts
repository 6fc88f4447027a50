// Streams with bytes to send come in; the stream that sends next comes out. New and quiet ones first, bulk in turns.

import { Queue } from './queue.ts';

/** What the scheduler needs to know of a stream. It keeps its own note in `turn`. */
export interface Sender {
  readonly turn: Turn;
}

/** A stream that sent less than this in the last 100 ms is not bulk: heads, pages, playlists, the start of a film. */
const briskBytes = 32 * 1024;
const briskWindowMs = 100;

/** A stream's place in the order: which line it stands in and what it sent of late. */
export class Turn {
  isWaiting = false;
  #recentBytes = 0;
  #recentFromMs = Number.NEGATIVE_INFINITY;

  note(bytes: number, nowMs: number): void {
    if (nowMs - this.#recentFromMs > briskWindowMs) {
      this.#recentFromMs = nowMs;
      this.#recentBytes = 0;
    }
    this.#recentBytes += bytes;
  }

  /** Bytes the stream may still send ahead of the bulk. */
  briskBytesLeft(nowMs: number): number {
    if (nowMs - this.#recentFromMs > briskWindowMs) return briskBytes;
    return Math.max(0, briskBytes - this.#recentBytes);
  }
}

export interface Pick<Stream> {
  readonly stream: Stream;
  /** The most it may send in this turn. */
  readonly maxBytes: number;
}

/**
 * Two queues. Streams under 32 KiB in the last 100 ms go first, round robin; the others take turns of one frame each, so
 * that shares are equal in bytes (deficit round robin with a quantum of one frame, which needs no deficit because a turn
 * can always be cut to size). Every operation is O(1).
 */
export class Scheduler<Stream extends Sender> {
  readonly #brisk = new Queue<Stream>();
  readonly #bulk = new Queue<Stream>();

  get isEmpty(): boolean {
    return this.#brisk.isEmpty && this.#bulk.isEmpty;
  }

  /** The stream has something to send and credit to send it. Does nothing when it already waits. */
  add(stream: Stream, nowMs: number): void {
    if (stream.turn.isWaiting) return;
    stream.turn.isWaiting = true;
    (stream.turn.briskBytesLeft(nowMs) > 0 ? this.#brisk : this.#bulk).push(stream);
  }

  /** Takes the next stream out; add it again when it still has bytes. */
  next(quantumBytes: number, nowMs: number): Pick<Stream> | undefined {
    for (;;) {
      const stream = this.#brisk.shift();
      if (stream === undefined) break;
      const left = stream.turn.briskBytesLeft(nowMs);
      if (left > 0) {
        stream.turn.isWaiting = false;
        return { stream, maxBytes: Math.min(left, quantumBytes) };
      }
      this.#bulk.push(stream);
    }
    const stream = this.#bulk.shift();
    if (stream === undefined) return undefined;
    stream.turn.isWaiting = false;
    return { stream, maxBytes: quantumBytes };
  }
}
