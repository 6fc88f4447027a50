// The payload of a goaway between bytes and its code and sentence. Pure.

import { Buffer } from 'node:buffer';
import { maxGoawayBytes } from '../wire/limits.ts';

export function encodeGoaway(code: number, message: string): Buffer {
  // Latin-1, so that the sentence is cut by bytes without splitting a character.
  const text = Buffer.from(message, 'latin1').subarray(0, maxGoawayBytes - 4);
  const payload = Buffer.alloc(4 + text.length);
  payload.writeUInt32BE(code, 0);
  text.copy(payload, 4);
  return payload;
}

/** The sentence is for a log: what is not printable ASCII reads as a question mark. */
export function decodeGoaway(payload: Buffer): { code: number; message: string } {
  const message = payload.toString('latin1', 4).replaceAll(/[^\x20-\x7e]/g, '?');
  return { code: payload.readUInt32BE(0), message };
}
