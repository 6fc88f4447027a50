// Chunks of bytes arrive, cut anywhere; frames leave: control frames whole, data frames in the pieces in which they came.

import { Buffer } from 'node:buffer';
import { ProtocolError } from '../errors.ts';
import { firstOptionalType, flag, frameType } from '../wire/codes.ts';
import { headerProblem, readHeader, type FrameHeader } from '../wire/frame.ts';
import { frameHeaderBytes } from '../wire/limits.ts';
import type { Turn } from './transport.ts';

export interface FrameSink {
  /** A whole frame other than data. The payload may be a view of a larger buffer. */
  onControl(header: FrameHeader, payload: Buffer): void;
  /**
   * A piece of a data frame, never copied. `isFrameEnd`: its last piece (possibly empty); only then can `isStreamEnd` be
   * true.
   */
  onData(streamId: number, piece: Buffer, isFrameEnd: boolean, isStreamEnd: boolean): void;
}

export class Decoder {
  sink: FrameSink;
  #step: 'header' | 'data' | 'control' | 'ignored' = 'header';
  #header: FrameHeader = { type: 0, flags: 0, length: 0, streamId: 0 };
  #missingBytes = 0;
  /** The start of a header or of a control payload that the last chunk cut; at most 4 KiB by the bounds of frame.ts. */
  #held: Buffer = empty;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** @throws ProtocolError protocol.malformed | protocol.too-large | protocol.unknown-type | protocol.stream-id, and whatever the sink throws */
  push(chunk: Buffer, turn?: Turn): void {
    let offset = 0;
    while (offset < chunk.length) {
      switch (this.#step) {
        case 'header':
          if (turn !== undefined && (turn.framesLeft -= 1) < 0) {
            turn.framesLeft = 0;
            turn.rest = chunk.subarray(offset);
            return;
          }
          offset = this.#readHeader(chunk, offset);
          break;
        case 'data':
          offset = this.#readData(chunk, offset);
          break;
        case 'control':
          offset = this.#readControl(chunk, offset);
          break;
        case 'ignored':
          offset = this.#skip(chunk, offset);
          break;
      }
    }
  }

  #readHeader(chunk: Buffer, offset: number): number {
    if (this.#held.length === 0 && chunk.length - offset >= frameHeaderBytes) {
      this.#begin(readHeader(chunk, offset));
      return offset + frameHeaderBytes;
    }
    const end = Math.min(chunk.length, offset + frameHeaderBytes - this.#held.length);
    this.#hold(chunk, offset, end);
    if (this.#held.length === frameHeaderBytes) {
      const header = readHeader(this.#held, 0);
      this.#held = empty;
      this.#begin(header);
    }
    return end;
  }

  #begin(header: FrameHeader): void {
    const problem = headerProblem(header);
    if (problem !== undefined) {
      throw new ProtocolError(
        `protocol.${problem}`,
        `frame type ${header.type}, flags ${header.flags}, length ${header.length}, stream ${header.streamId}: ${problem}`,
      );
    }
    this.#header = header;
    this.#missingBytes = header.length;
    if (header.length > 0) {
      this.#step =
        header.type === frameType.data
          ? 'data'
          : header.type >= firstOptionalType
            ? 'ignored'
            : 'control';
      return;
    }
    if (header.type === frameType.data) {
      // Without a byte it is the end, or the header would have been refused (P8).
      this.sink.onData(header.streamId, empty, true, true);
    } else if (header.type < firstOptionalType) {
      this.sink.onControl(header, empty);
    }
  }

  #readData(chunk: Buffer, offset: number): number {
    const { streamId, flags } = this.#header;
    const end = Math.min(chunk.length, offset + this.#missingBytes);
    this.#missingBytes -= end - offset;
    const isFrameEnd = this.#missingBytes === 0;
    if (isFrameEnd) this.#step = 'header';
    const piece = chunk.subarray(offset, end);
    this.sink.onData(streamId, piece, isFrameEnd, isFrameEnd && (flags & flag.end) !== 0);
    return end;
  }

  #readControl(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#missingBytes);
    this.#missingBytes -= end - offset;
    if (this.#missingBytes > 0) {
      this.#hold(chunk, offset, end);
      return end;
    }
    let payload = chunk.subarray(offset, end);
    if (this.#held.length > 0) {
      payload = Buffer.concat([this.#held, payload]);
      this.#held = empty;
    }
    this.#step = 'header';
    this.sink.onControl(this.#header, payload);
    return end;
  }

  #skip(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#missingBytes);
    this.#missingBytes -= end - offset;
    if (this.#missingBytes === 0) this.#step = 'header';
    return end;
  }

  #hold(chunk: Buffer, offset: number, end: number): void {
    this.#held = Buffer.concat([this.#held, chunk.subarray(offset, end)]);
  }
}

const empty = Buffer.alloc(0);
