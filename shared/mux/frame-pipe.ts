// Frames in, bytes out to the transport, and back. Small frames that are sent in one turn leave in one chunk.

import { Buffer } from 'node:buffer';
import { ProtocolError } from '../errors.ts';
import { writeHeader, type FrameHeader } from '../wire/frame.ts';
import { frameHeaderBytes, maxQueuedControlBytes } from '../wire/limits.ts';
import { Decoder, type FrameSink } from './decoder.ts';
import type { Transport } from './transport.ts';

/** Up to here a payload is copied behind the frames before it: one chunk, one TLS record, instead of several. */
const copiedBytes = 8 * 1024;
/** Queued frames leave at the latest at this size, so that one chunk is never more than a few TLS records. */
const chunkBytes = 32 * 1024;

const nothing = Buffer.alloc(0);

export class FramePipe {
  readonly #transport: Transport;
  readonly #decoder: Decoder;
  #queued: Buffer[] = [];
  #queuedBytes = 0;
  #unwrittenBytes = 0;
  #held: (() => void)[] | undefined = [];
  #isClosed = false;

  /** The peer broke the protocol; nothing more is decoded. */
  onViolation: (error: ProtocolError) => void = () => this.destroy();
  /** Called once, when the transport is gone. */
  onClosed: (error: Error | undefined) => void = () => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#decoder = new Decoder(this.#holdingSink());
    transport.onChunk = (chunk) => this.#decode(chunk);
    transport.onClosed = (error) => {
      this.#isClosed = true;
      this.onClosed(error);
    };
  }

  /** Who gets the frames. Those that arrived while nobody did (behind the handshake's last one) are delivered now. */
  set sink(sink: FrameSink) {
    const held = this.#held ?? [];
    this.#held = undefined;
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
    this.#held ??= [];
    this.#decoder.sink = this.#holdingSink();
  }

  /** Queues a frame; it leaves at `flush`. The payload is copied. */
  queue(type: number, flags: number, streamId: number, payload: Buffer = nothing): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
    writeHeader(frame, 0, type, flags, payload.length, streamId);
    payload.copy(frame, frameHeaderBytes);
    this.#push(frame);
  }

  /** Queues a frame whose payload is one unsigned 32 bit number. */
  queueNumber(type: number, streamId: number, value: number): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + 4);
    writeHeader(frame, 0, type, 0, 4, streamId);
    frame.writeUInt32BE(value, frameHeaderBytes);
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
      this.queue(frame.type, frame.flags, frame.streamId, source.subarray(start, end));
      written?.();
      return;
    }
    this.flush();
    if (range.hasHeadroom) {
      const from = start - frameHeaderBytes;
      writeHeader(source, from, frame.type, frame.flags, length, frame.streamId);
      this.#transport.send(source.subarray(from, end), written);
      return;
    }
    const copy = Buffer.allocUnsafeSlow(frameHeaderBytes + length);
    writeHeader(copy, 0, frame.type, frame.flags, length, frame.streamId);
    source.copy(copy, frameHeaderBytes, start, end);
    this.#transport.send(copy);
    written?.();
  }

  /** Hands all queued frames to the transport as one chunk. */
  flush(): void {
    const [first, ...more] = this.#queued;
    if (first === undefined) return;
    const chunk = more.length === 0 ? first : Buffer.concat(this.#queued, this.#queuedBytes);
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#unwrittenBytes += chunk.length;
    this.#transport.send(chunk, () => {
      this.#unwrittenBytes -= chunk.length;
    });
  }

  /** True when the peer makes us answer and does not read the answers. */
  get isOverfull(): boolean {
    return this.#unwrittenBytes > maxQueuedControlBytes;
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

  #decode(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#guard(() => this.#decoder.push(chunk));
  }

  /** Frames are decoded and dealt with in one call, so whatever the peer broke is thrown here. */
  #guard(receive: () => void): void {
    try {
      receive();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#stopDecoding();
      this.onViolation(error);
    }
  }

  #stopDecoding(): void {
    this.#transport.onChunk = () => {};
  }

  #push(frame: Buffer): void {
    this.#queued.push(frame);
    this.#queuedBytes += frame.length;
    if (this.#queuedBytes > chunkBytes) this.flush();
  }

  #holdingSink(): FrameSink {
    return {
      onControl: (header: FrameHeader, payload: Buffer) => {
        this.#held?.push(() => this.#decoder.sink.onControl(header, payload));
      },
      onData: (streamId, piece, isFrameEnd, isStreamEnd) => {
        this.#held?.push(() => this.#decoder.sink.onData(streamId, piece, isFrameEnd, isStreamEnd));
      },
    };
  }
}
