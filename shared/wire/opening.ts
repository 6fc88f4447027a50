// What a hub says beside OPEN, between bytes and a record: whose exchange it begins. Fields as in the handshake. Pure.

import { Buffer } from 'node:buffer';

export interface Opening {
  /** Canonical text of the visitor's address; undefined: unknown, or not said. */
  readonly clientAddress: string | undefined;
}

const tag = { clientAddress: 1 } as const;
/** Tag and length. */
const fieldHeadBytes = 3;

export function encodeOpening({ clientAddress }: Opening): Buffer {
  const text = Buffer.from(clientAddress ?? '', 'latin1');
  if (text.length === 0) return text;
  const head = Buffer.alloc(fieldHeadBytes);
  head.writeUInt8(tag.clientAddress, 0);
  head.writeUInt16BE(text.length, 1);
  return Buffer.concat([head, text]);
}

/** Tags that we do not know are skipped; whatever else is not as written above says nothing. */
export function decodeOpening(bytes: Buffer): Opening {
  let clientAddress: string | undefined;
  for (let at = 0; at + fieldHeadBytes <= bytes.length;) {
    const end = at + fieldHeadBytes + bytes.readUInt16BE(at + 1);
    if (end > bytes.length) break;
    const text = bytes.toString('latin1', at + fieldHeadBytes, end);
    if (bytes.readUInt8(at) === tag.clientAddress && addressPattern.test(text))
      clientAddress = text;
    at = end;
  }
  return { clientAddress };
}

/** The letters of an address: enough to keep a line feed out; what it means is checked by whoever uses it. */
const addressPattern = /^[0-9a-f.:]{2,45}$/;
