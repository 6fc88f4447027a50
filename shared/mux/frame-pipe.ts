// Frames in, bytes out to the transport, and back. Small frames that are sent in one turn leave in one chunk.

import { Buffer } from 'node:buffer';
import { ProtocolError } from '../errors.ts';
import { writeHeader, type FrameHeader } from '../wire/frame.ts';
import { frameHeaderBytes, maxQueuedControlBytes, maxUnwrittenBytes } from '../wire/limits.ts';
import { Decoder, type FrameSink } from './decoder.ts';
import type { Transport, Turn } from './transport.ts';

/** Up to here a payload is copied behind the frames before it: one chunk, one TLS record, instead of several. */
const copiedBytes = 8 * 1024;
/** Queued frames leave at the latest at this size, so that one chunk is never more than a few TLS records. */
const chunkBytes = 32 * 1024;
/** Kept for the next sink: a first link window of data (64 KiB) and what a new session says at once fit several times. */
const maxHeldBytes = 256 * 1024;

const nothing = Buffer.alloc(0);

export class FramePipe {
  readonly #transport: Transport;
  readonly #decoder: Decoder;
  #queued: Buffer[] = [];
  #queuedBytes = 0;
  #queuedControlBytes = 0;
  #unwrittenControlBytes = 0;
  #unwrittenBytes = 0;
  #held: (() => void)[] = [];
  #heldBytes = 0;
  #violation: ProtocolError | undefined;
  #isClosed = false;

  /** The peer broke the protocol; nothing more is decoded. Who takes the pipe over later is told when it sets its sink. */
  onViolation: (error: ProtocolError) => void = () => {};
  /** Called once, when the transport is gone. */
  onClosed: (error: Error | undefined) => void = () => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#decoder = new Decoder(this.#holdingSink());
    transport.onChunk = (chunk, turn) => this.#decode(chunk, turn);
    transport.onClosed = (error) => {
      this.#isClosed = true;
      this.onClosed(error);
    };
  }

  /** Who gets the frames. Those that arrived while nobody did (behind the handshake's last one) are delivered now. */
  set sink(sink: FrameSink) {
    if (this.#violation !== undefined) {
      this.onViolation(this.#violation);
      return;
    }
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#decoder.sink = sink;
    this.#guard(() => {
      for (const deliver of held) deliver();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Frames that arrive from now on wait for the next sink. */
  hold(): void {
    this.#decoder.sink = this.#holdingSink();
  }

  /** Queues a frame; it leaves at `flush`. The payload is copied. */
  queue(type: number, flags: number, streamId: number, payload: Buffer = nothing): void {
    this.#queuedControlBytes += frameHeaderBytes + payload.length;
    this.#copy(type, flags, streamId, payload);
  }

  /** Queues a frame whose payload is one unsigned 32 bit number. */
  queueNumber(type: number, streamId: number, value: number): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + 4);
    writeHeader(frame, 0, type, 0, 4, streamId);
    frame.writeUInt32BE(value, frameHeaderBytes);
    this.#queuedControlBytes += frame.length;
    this.#push(frame);
  }

  /**
   * Sends source[start..end) as one frame. With headroom (8 free bytes before `start`) a large payload is not copied and
   * `written` is called when the transport is done with it; otherwise at once.
   */
  sendPayload(
    frame: { type: number; flags: number; streamId: number },
    source: Buffer,
    range: { start: number; end: number; hasHeadroom: boolean },
    written: (() => void) | undefined,
  ): void {
    const { start, end } = range;
    const length = end - start;
    if (length <= copiedBytes) {
      this.#copy(frame.type, frame.flags, frame.streamId, source.subarray(start, end));
      written?.();
      return;
    }
    this.flush();
    if (range.hasHeadroom) {
      const from = start - frameHeaderBytes;
      writeHeader(source, from, frame.type, frame.flags, length, frame.streamId);
      this.#send(source.subarray(from, end), written);
      return;
    }
    const copy = Buffer.allocUnsafeSlow(frameHeaderBytes + length);
    writeHeader(copy, 0, frame.type, frame.flags, length, frame.streamId);
    source.copy(copy, frameHeaderBytes, start, end);
    this.#send(copy, undefined);
    written?.();
  }

  /** Hands all queued frames to the transport as one chunk. */
  flush(): void {
    const [first, ...more] = this.#queued;
    if (first === undefined) return;
    const chunk = more.length === 0 ? first : Buffer.concat(this.#queued, this.#queuedBytes);
    const controlBytes = this.#queuedControlBytes;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#queuedControlBytes = 0;
    this.#unwrittenControlBytes += controlBytes;
    this.#send(chunk, () => {
      this.#unwrittenControlBytes -= controlBytes;
    });
  }

  /** True when the peer makes us answer and does not read the answers, or acknowledges data that he has not read. */
  get isOverfull(): boolean {
    return (
      this.#unwrittenControlBytes > maxQueuedControlBytes ||
      this.#unwrittenBytes > maxUnwrittenBytes
    );
  }

  /** Sends what is queued, then closes. */
  close(): void {
    this.flush();
    this.#stopDecoding();
    this.#transport.close();
  }

  destroy(error?: Error): void {
    this.#stopDecoding();
    this.#transport.destroy(error);
  }

  #decode(chunk: Buffer, turn: Turn | undefined): void {
    if (this.#isClosed) return;
    this.#guard(() => this.#decoder.push(chunk, turn));
  }

  /** Frames are decoded and dealt with in one call, so whatever the peer broke is thrown here. */
  #guard(receive: () => void): void {
    try {
      receive();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#stopDecoding();
      this.#violation = error;
      this.onViolation(error);
    }
  }

  /** Also in the middle of a chunk: frames behind the one that ended everything must not begin anything. */
  #stopDecoding(): void {
    this.#transport.onChunk = () => {};
    this.#decoder.sink = discard;
    this.#held = [];
  }

  #send(chunk: Buffer, written: (() => void) | undefined): void {
    this.#unwrittenBytes += chunk.length;
    this.#transport.send(chunk, () => {
      this.#unwrittenBytes -= chunk.length;
      written?.();
    });
  }

  #copy(type: number, flags: number, streamId: number, payload: Buffer): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
    writeHeader(frame, 0, type, flags, payload.length, streamId);
    payload.copy(frame, frameHeaderBytes);
    this.#push(frame);
  }

  #push(frame: Buffer): void {
    this.#queued.push(frame);
    this.#queuedBytes += frame.length;
    if (this.#queuedBytes > chunkBytes) this.flush();
  }

  #holdingSink(): FrameSink {
    return {
      onControl: (header: FrameHeader, payload: Buffer) => {
        const kept = this.#keep(payload);
        this.#held.push(() => this.#decoder.sink.onControl(header, kept));
      },
      onData: (streamId, piece, isFrameEnd, isStreamEnd) => {
        const kept = this.#keep(piece);
        this.#held.push(() => this.#decoder.sink.onData(streamId, kept, isFrameEnd, isStreamEnd));
      },
    };
  }

  /** A copy: the chunk around it may be much larger. Strangers come here, before anybody knows who they are. */
  #keep(payload: Buffer): Buffer {
    this.#heldBytes += frameHeaderBytes + payload.length;
    if (this.#heldBytes > maxHeldBytes) {
      throw new ProtocolError('protocol.handshake', 'too much before the session has begun');
    }
    return Buffer.from(payload);
  }
}

const discard: FrameSink = { onControl: () => {}, onData: () => {} };
