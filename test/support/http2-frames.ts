// Fields and bytes arrive; HTTP/2 frames leave, written and read by hand, for peers that do what no library would.

import { Buffer } from 'node:buffer';

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7 } as const;
/** Of HEADERS, and of DATA. */
export const endStream = 0x1;
export const endHeaders = 0x4;

/** RFC 9113 §4.1. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** What a client says first. */
export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, 0, Buffer.alloc(0)),
]);

/** Fields without any table (RFC 7541 §6.2.2), in one HEADERS frame. */
export function headersFrame(
  stream: number,
  fields: Readonly<Record<string, string>>,
  flags = endHeaders,
): Buffer {
  const block = Object.entries(fields).flatMap(([name, value]) => [
    Buffer.from([0]),
    ...[name, value].flatMap((text) => [Buffer.from([text.length]), Buffer.from(text)]),
  ]);
  return frame(frameType.headers, flags, stream, Buffer.concat(block));
}

export function resetFrame(stream: number, code: number): Buffer {
  return frame(frameType.reset, 0, stream, Buffer.from([0, 0, 0, code]));
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Hexadecimal. */
  readonly payload: string;
}

/** Whole frames only. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.toString('hex', at + 9, end),
    });
  }
  return frames;
}
