// One frame header between its eight bytes and its four fields, and what makes a header wrong. Pure.

import type { Buffer } from 'node:buffer';
import { firstOptionalType, flag, frameType } from './codes.ts';
import {
  maxDataBytes,
  maxGoawayBytes,
  maxHandshakeBytes,
  maxNoticeBytes,
  maxOpenBytes,
  maxOptionalBytes,
} from './limits.ts';

export interface FrameHeader {
  readonly type: number;
  readonly flags: number;
  /** Bytes of payload behind the header. */
  readonly length: number;
  /** 0 for the session itself. */
  readonly streamId: number;
}

export function writeHeader(
  target: Buffer,
  offset: number,
  type: number,
  flags: number,
  length: number,
  streamId: number,
): void {
  target[offset] = type;
  target[offset + 1] = flags;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length & 0xff;
  target[offset + 4] = streamId >>> 24;
  target[offset + 5] = (streamId >>> 16) & 0xff;
  target[offset + 6] = (streamId >>> 8) & 0xff;
  target[offset + 7] = streamId & 0xff;
}

export function readHeader(source: Buffer, offset: number): FrameHeader {
  return {
    type: source.readUInt8(offset),
    flags: source.readUInt8(offset + 1),
    length: source.readUInt16BE(offset + 2),
    streamId: source.readUInt32BE(offset + 4),
  };
}

export type HeaderProblem = 'malformed' | 'too-large' | 'unknown-type' | 'stream-id';

/** Rules P4-P8: what a header alone can break. Undefined: the header is sound. */
export function headerProblem(header: FrameHeader): HeaderProblem | undefined {
  const { type, flags, length, streamId } = header;
  if (type >= firstOptionalType) return length > maxOptionalBytes ? 'too-large' : undefined;
  const shape = shapes.get(type);
  if (shape === undefined) return 'unknown-type';
  if ((flags & ~shape.flags) !== 0) return 'malformed';
  if ((streamId !== 0) !== shape.hasStream) return 'stream-id';
  if (length > shape.maxBytes) return 'too-large';
  if (length < shape.minBytes) return 'malformed';
  // A data frame that brings neither a byte nor the end only costs the reader time.
  if (type === frameType.data && length === 0 && flags === 0) return 'malformed';
  return undefined;
}

interface Shape {
  readonly hasStream: boolean;
  readonly flags: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

function shape(hasStream: boolean, minBytes: number, maxBytes: number, flags = 0): Shape {
  return { hasStream, minBytes, maxBytes, flags };
}

const shapes = new Map<number, Shape>([
  [frameType.data, shape(true, 0, maxDataBytes, flag.end)],
  [frameType.open, shape(true, 0, maxOpenBytes)],
  [frameType.reset, shape(true, 4, 4)],
  [frameType.credit, shape(true, 4, 4)],
  [frameType.ack, shape(false, 4, 4)],
  [frameType.ping, shape(false, 8, 8, flag.reply)],
  [frameType.goaway, shape(false, 4, maxGoawayBytes)],
  [frameType.notice, shape(false, 0, maxNoticeBytes)],
  [frameType.challenge, shape(false, 0, maxHandshakeBytes)],
  [frameType.hello, shape(false, 0, maxHandshakeBytes)],
  [frameType.welcome, shape(false, 0, maxHandshakeBytes)],
]);
