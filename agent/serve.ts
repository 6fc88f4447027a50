// A stream of the hub arrives; its bytes go to a connection of its own at the media server, and that connection's bytes go back.

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { ResetReason } from '../shared/wire/codes.ts';
import type { Origin } from './origin.ts';
import type { Slab, SlabPool } from './slabs.ts';
import { AgentCounts } from './telemetry/agent-counts.ts';

/** What the pump needs of a MuxStream. */
export interface PumpedStream extends Duplex {
  reset(reason: ResetReason): void;
  writeSlab(slab: Buffer, length: number, written: () => void): void;
}

/**
 * Joins the two until both directions have ended. Each direction ends by itself (half-close), and whatever breaks
 * at one side breaks the other: nobody is left to believe that a cut answer was the whole. `opening`: what the hub said
 * beside OPEN.
 */
export function serve(
  stream: PumpedStream,
  origin: Origin,
  slabs: SlabPool,
  opening: Buffer = nothing,
  counts: AgentCounts = uncounted,
): void {
  counts.streams += 1;
  const reader = new OriginReader(stream, slabs, origin.readsInBursts, counts);
  const socket = origin.connect(
    { buffer: () => reader.buffer, callback: (bytes) => reader.accept(bytes) },
    {
      onReady: () => {
        const preamble = origin.preamble(opening);
        if (preamble !== undefined) socket.write(preamble);
        stream.pipe(socket);
        stream.on('data', (piece: Buffer) => (counts.bytesUp += piece.length));
      },
      onFailed: (reason) => {
        counts.originFailed(reason);
        stream.reset(reason);
      },
    },
  );
  reader.socket = socket;
  socket.once('end', () => stream.end());
  socket.once('close', () => {
    reader.close();
    // Both ends done is the usual case and resets nothing; otherwise the origin went away without an error.
    if (!stream.destroyed && !socket.readableEnded) stream.reset('origin-closed');
  });
  // Its 'close' follows, and says what is to be done.
  stream.on('error', () => undefined);
  stream.once('close', () => {
    const isWhole = stream.readableEnded && stream.writableFinished;
    if (!isWhole) origin.abort(socket);
  });
}

const nothing = Buffer.alloc(0);
const uncounted = new AgentCounts();

/** One being filled while the other is on its way: more would only queue in front of other streams. */
const slabsPerStream = 2;

/**
 * Reads the origin into slabs and lends each to the stream until it is sent. With none left the socket pauses on the
 * slab that is lent longest, which is free again before it reads on: the kernel's buffer, not ours, holds the rest.
 */
class OriginReader {
  readonly #stream: PumpedStream;
  readonly #slabs: SlabPool;
  readonly #comesInBursts: boolean;
  readonly #counts: AgentCounts;
  /** Until the first byte. */
  #sinceMs: number | undefined = performance.now();
  readonly #lent = new Set<Slab>();
  #filling: Slab;
  #isPaused = false;
  #isClosed = false;
  socket: Socket | undefined;

  /** `comesInBursts`: a few reads may follow the one that was told to stop, and none of them may meet a lent slab. */
  constructor(stream: PumpedStream, slabs: SlabPool, comesInBursts: boolean, counts: AgentCounts) {
    this.#stream = stream;
    this.#slabs = slabs;
    this.#comesInBursts = comesInBursts;
    this.#counts = counts;
    this.#filling = slabs.take(0);
  }

  /** Where the next read goes. */
  get buffer(): Buffer {
    return this.#filling.payload;
  }

  /** False stops reading. */
  accept(bytes: number): boolean {
    this.#count(bytes);
    const filled = this.#filling;
    this.#lent.add(filled);
    this.#stream.writeSlab(filled.bytes, bytes, () => this.#takeBack(filled));
    this.#isPaused = this.#lent.size >= slabsPerStream;
    if (!this.#isPaused || this.#comesInBursts) this.#filling = this.#slabs.take(bytes);
    else [this.#filling = filled] = this.#lent;
    return !this.#isPaused;
  }

  #count(bytes: number): void {
    this.#counts.bytesDown += bytes;
    if (this.#sinceMs === undefined) return;
    this.#counts.onFirstByte((performance.now() - this.#sinceMs) / 1000);
    this.#sinceMs = undefined;
  }

  close(): void {
    this.#isClosed = true;
    if (!this.#lent.has(this.#filling)) this.#slabs.give(this.#filling);
  }

  #takeBack(slab: Slab): void {
    this.#lent.delete(slab);
    const isAwaited = this.#isPaused && !this.#comesInBursts && slab === this.#filling;
    if (!isAwaited || this.#isClosed) this.#slabs.give(slab);
    if (!this.#isPaused || this.#isClosed) return;
    if (!isAwaited && !(this.#comesInBursts && this.#lent.size < slabsPerStream)) return;
    this.#isPaused = false;
    this.socket?.resume();
  }
}
