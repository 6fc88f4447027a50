// One exchange in a session: bytes written by its user leave as data frames, pieces of the peer's data frames are what it reads.

import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { CodedError, ProtocolError } from '../errors.ts';
import type { ResetReason } from '../wire/codes.ts';
import { slabHeadroomBytes } from '../wire/limits.ts';
import { Inbox } from './inbox.ts';
import { Outbox, type Outbound } from './outbox.ts';
import type { ReceiveWindow } from './receive-window.ts';
import { Turn } from './scheduler.ts';
import type { Stalls } from './stalls.ts';
import { streamTransitions, type StreamEvent, type StreamState } from './stream-state.ts';

/**
 * Not Node's 16 KiB but a large frame's worth, and one TLS record (16 KiB) more. Uploads come in whole records, and a frame
 * ends 24 bytes before the fourth does: with 64 KiB its rest would count as a record, and every other frame lack one.
 */
const streamBufferBytes = 80 * 1024;
/** Credit adds up to what the window's growth allows; beyond this it is an attempt to overflow. */
const maxCreditBytes = 0x7fff_ffff;

export type StreamErrorCode = 'stream.reset' | 'stream.refused' | 'stream.link-lost';

/** Why a stream ended before its time. `reason` is the peer's word and comes with `stream.reset` only. */
export class StreamError extends CodedError<StreamErrorCode> {
  readonly reason: ResetReason | undefined;

  constructor(
    code: StreamErrorCode,
    message: string,
    reason?: ResetReason,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.reason = reason;
  }
}

/** The session, as its streams see it. */
export interface StreamCarrier {
  /** The stream has bytes or its end to send, and may send them. */
  wantsToSend(stream: MuxStream): void;
  /** What may be sent leaves now, and not at the end of this turn of the event loop. */
  sendNow(): void;
  sendCredit(stream: MuxStream, bytes: number): void;
  sendReset(stream: MuxStream, reason: ResetReason): void;
  /** How often and how long bytes waited for credit. */
  readonly creditStalls: Stalls;
  forget(stream: MuxStream): void;
  nowMs(): number;
  rttMs(): number;
}

/** Part of what waits to be sent. `written` is to be called when the transport no longer needs the source. */
export interface Piece extends Outbound {
  readonly isStreamEnd: boolean;
}

/**
 * A byte pipe with half-close. Emits 'error' with a StreamError when the peer resets it or the link is lost. Bytes that
 * wait to be read are bounded by the stream's window: credit goes back when the reader takes them, however it reads.
 */
export class MuxStream extends Duplex {
  readonly id: number;
  readonly turn = new Turn();
  readonly #carrier: StreamCarrier;
  readonly #window: ReceiveWindow;
  #state: StreamState = 'open';
  #creditBytes: number;
  readonly #outbox = new Outbox();
  /** By the latest call of _write or _writev; what else was written waits in the base class. */
  #handedBytes = 0;
  #isStarved = false;
  #finish: ((error?: Error) => void) | undefined;
  readonly #inbox = new Inbox();
  #isEndReceived = false;
  #isReaderHungry = false;
  #resetReason: ResetReason = 'cancelled';

  constructor(id: number, carrier: StreamCarrier, window: ReceiveWindow, creditBytes: number) {
    super({
      // One piece: more of them wait in the inbox, where small ones are gathered.
      readableHighWaterMark: 1,
      writableHighWaterMark: streamBufferBytes,
      allowHalfOpen: true,
      decodeStrings: true,
    });
    this.id = id;
    this.#carrier = carrier;
    this.#window = window;
    this.#creditBytes = creditBytes;
  }

  /** Ends both directions at once and tells the peer why. */
  reset(reason: ResetReason): void {
    this.#resetReason = reason;
    this.destroy();
  }

  /**
   * Sends slab[slabHeadroomBytes .. +length) without copying it; `written` gives the slab back, also when the stream is
   * destroyed. Not to be mixed with `write`. The caller bounds its slabs; there is no other back-pressure here.
   */
  writeSlab(slab: Buffer, length: number, written: () => void): void {
    if (this.destroyed || this.#finish !== undefined || length === 0) {
      written();
      return;
    }
    this.#enqueue(slab, slabHeadroomBytes, slabHeadroomBytes + length, true, written);
  }

  /**
   * For a writer who was told to wait: a frame is full, and the line may take it now. True when there is room again.
   * Otherwise an upload would stop and start once a frame, which costs it as much as the frame.
   */
  sendNow(): boolean {
    if (this.destroyed) return false;
    if (this.isReadyToSend) this.#carrier.sendNow();
    return !this.destroyed && this.writableLength < streamBufferBytes;
  }

  /** True when `takePiece` would return a piece. */
  get isReadyToSend(): boolean {
    if (!this.#outbox.isEmpty) return this.#creditBytes > 0;
    return this.#finish !== undefined;
  }

  /** What the bytes that are to be sent wait for: room on the line, or a reader at its end. Undefined: none wait. */
  get waitsFor(): 'line' | 'credit' | undefined {
    if (this.#outbox.isEmpty) return undefined;
    return this.#creditBytes > 0 ? 'line' : 'credit';
  }

  /** Bytes that are to be sent and have not been. */
  get unsentBytes(): number {
    return this.#outbox.bytes;
  }

  /** Bytes that arrived for a reader who has not taken them. */
  get unreadBytes(): number {
    return this.#window.unreadBytes + this.readableLength;
  }

  /** The session takes what to send next, at most `maxBytes`. */
  takePiece(maxBytes: number): Piece | undefined {
    if (this.#outbox.isEmpty) return this.#takeEnd();
    const bound = Math.min(maxBytes, this.#creditBytes);
    const piece = bound === 0 ? undefined : this.#outbox.take(bound, this.#unhandedBytes);
    if (piece === undefined) return undefined;
    // By whoever was told that his write is done. Nothing may follow the reset.
    if (this.destroyed) {
      piece.written?.();
      return undefined;
    }
    this.#creditBytes -= piece.end - piece.start;
    const isStreamEnd = this.#outbox.isEmpty && this.#finish !== undefined;
    if (isStreamEnd) this.#ended();
    this.#noteCredit();
    return { ...piece, isStreamEnd };
  }

  /** A piece of the peer's data. @throws ProtocolError protocol.stream-state | protocol.flow-control */
  receive(piece: Buffer, isStreamEnd: boolean): void {
    if (piece.length > 0) {
      this.#transit('receive-data');
      if (!this.#window.accept(piece.length)) {
        throw new ProtocolError(
          'protocol.flow-control',
          `stream ${this.id} sent more than its window`,
        );
      }
      this.#inbox.push(piece);
    }
    if (isStreamEnd) {
      this.#transit('receive-end');
      this.#isEndReceived = true;
    }
    if (this.#isReaderHungry || isStreamEnd) this.#deliver();
  }

  /** @throws ProtocolError protocol.flow-control when the sum overflows */
  receiveCredit(bytes: number): void {
    this.#transit('receive-credit');
    this.#creditBytes += bytes;
    if (this.#creditBytes > maxCreditBytes) {
      throw new ProtocolError(
        'protocol.flow-control',
        `stream ${this.id} was given too much credit`,
      );
    }
    this.#noteCredit();
    if (this.isReadyToSend) this.#carrier.wantsToSend(this);
  }

  receiveReset(reason: ResetReason): void {
    this.#transit('receive-reset');
    this.destroy(new StreamError('stream.reset', `the peer reset the stream: ${reason}`, reason));
  }

  /** The link is gone; there is nobody to tell. */
  lose(error: StreamError): void {
    this.#state = 'closed';
    this.destroy(error);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    this.#handedBytes = chunk.length;
    if (chunk.length === 0) callback();
    else this.#enqueue(chunk, 0, chunk.length, false, callback);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: string }[],
    callback: (error?: Error) => void,
  ): void {
    const parts = chunks.map(({ chunk }) => chunk).filter((chunk) => chunk.length > 0);
    this.#handedBytes = parts.reduce((bytes, part) => bytes + part.length, 0);
    if (parts.length === 0) callback();
    for (const [index, part] of parts.entries()) {
      const written = index === parts.length - 1 ? callback : undefined;
      this.#enqueue(part, 0, part.length, false, written);
    }
  }

  override _final(callback: (error?: Error) => void): void {
    this.#finish = callback;
    this.#carrier.wantsToSend(this);
  }

  override _read(): void {
    this.#isReaderHungry = true;
    this.#deliver();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#carrier.sendReset(this, this.#resetReason);
    }
    this.#outbox.discard();
    this.#noteCredit();
    this.#window.release();
    this.#carrier.forget(this);
    callback(error);
  }

  #enqueue(
    source: Buffer,
    start: number,
    end: number,
    hasHeadroom: boolean,
    written: (() => void) | undefined,
  ): void {
    this.#outbox.push({ source, start, end, hasHeadroom, written });
    if (this.#creditBytes > 0) this.#carrier.wantsToSend(this);
    else this.#noteCredit();
  }

  /** Written, and still in the base class. */
  get #unhandedBytes(): number {
    return Math.max(0, this.writableLength - this.#handedBytes);
  }

  /** Only the beginning and the end of a wait are looked at by the clock. */
  #noteCredit(): void {
    const isStarved = this.#creditBytes === 0 && this.#outbox.bytes > 0;
    if (isStarved === this.#isStarved) return;
    this.#isStarved = isStarved;
    const { creditStalls } = this.#carrier;
    if (isStarved) creditStalls.begin(this.#carrier.nowMs());
    else creditStalls.end(this.#carrier.nowMs());
  }

  #takeEnd(): Piece | undefined {
    if (this.#finish === undefined) return undefined;
    this.#ended();
    return {
      source: nothing,
      start: 0,
      end: 0,
      hasHeadroom: false,
      isStreamEnd: true,
      written: undefined,
    };
  }

  #ended(): void {
    const finish = this.#finish;
    this.#finish = undefined;
    this.#transit('send-end');
    finish?.();
  }

  #deliver(): void {
    while (this.#isReaderHungry) {
      const piece = this.#inbox.shift();
      if (piece === undefined) break;
      this.#returnCredit(piece.length);
      this.#isReaderHungry = this.push(piece);
    }
    if (this.#isEndReceived && this.#inbox.isEmpty) {
      this.#isEndReceived = false;
      this.push(null);
    }
  }

  #returnCredit(bytes: number): void {
    const credit = this.#window.read(bytes, this.#carrier.nowMs(), this.#carrier.rttMs());
    const isPeerSending = this.#state === 'open' || this.#state === 'local-ended';
    if (credit > 0 && isPeerSending) this.#carrier.sendCredit(this, credit);
  }

  #transit(event: StreamEvent): void {
    const next = streamTransitions[this.#state][event];
    if (next === 'protocol.stream-state') {
      throw new ProtocolError(next, `stream ${this.id} is ${this.#state}: ${event}`);
    }
    this.#state = next as StreamState;
    if (next === 'closed') this.#carrier.forget(this);
  }
}

const nothing: Buffer = Buffer.alloc(0);
