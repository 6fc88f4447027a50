// Frames become bytes and bytes frames, in the plainest way PROTOCOL.md section 2 can be read: the oracle of the codec's tests.

import { Buffer } from 'node:buffer';

export interface NaiveFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function encodeFrame(frame: NaiveFrame): Buffer {
  const { type, flags, streamId, payload } = frame;
  const hex = [type, flags].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const length = payload.length.toString(16).padStart(4, '0');
  const id = streamId.toString(16).padStart(8, '0');
  return Buffer.from(hex + length + id + payload.toString('hex'), 'hex');
}

export function encodeFrames(frames: readonly NaiveFrame[]): Buffer {
  return Buffer.concat(frames.map(encodeFrame));
}

/** Every whole frame in the bytes; whatever is behind the last of them is left out. */
export function decodeFrames(bytes: Buffer): NaiveFrame[] {
  const frames: NaiveFrame[] = [];
  let rest = bytes;
  while (rest.length >= 8) {
    const length = Number(`0x${rest.toString('hex', 2, 4)}`);
    if (rest.length < 8 + length) break;
    frames.push({
      type: Number(`0x${rest.toString('hex', 0, 1)}`),
      flags: Number(`0x${rest.toString('hex', 1, 2)}`),
      streamId: Number(`0x${rest.toString('hex', 4, 8)}`),
      payload: rest.subarray(8, 8 + length),
    });
    rest = rest.subarray(8 + length);
  }
  return frames;
}

// The frames of the table, named. Numbers are written out: a wrong constant of the program must not be right here too.

export const frames = {
  data: (streamId: number, payload: Buffer | string): NaiveFrame =>
    frame(0x00, streamId, Buffer.from(payload)),
  dataEnd: (streamId: number, payload: Buffer | string = ''): NaiveFrame => ({
    ...frame(0x00, streamId, Buffer.from(payload)),
    flags: 1,
  }),
  open: (streamId: number): NaiveFrame => frame(0x01, streamId),
  reset: (streamId: number, code: number): NaiveFrame => frame(0x02, streamId, u32(code)),
  credit: (streamId: number, bytes: number): NaiveFrame => frame(0x03, streamId, u32(bytes)),
  ack: (bytes: number): NaiveFrame => frame(0x04, 0, u32(bytes)),
  ping: (payload: Buffer): NaiveFrame => frame(0x05, 0, payload),
  pong: (payload: Buffer): NaiveFrame => ({ ...frame(0x05, 0, payload), flags: 1 }),
  goaway: (code: number, text = ''): NaiveFrame =>
    frame(0x06, 0, Buffer.concat([u32(code), Buffer.from(text, 'latin1')])),
  notice: (payload: Buffer | string): NaiveFrame => frame(0x07, 0, Buffer.from(payload)),
} as const;

export function frame(
  type: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
): NaiveFrame {
  return { type, flags: 0, streamId, payload };
}

function u32(value: number): Buffer {
  return Buffer.from(value.toString(16).padStart(8, '0'), 'hex');
}
