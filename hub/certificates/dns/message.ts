// What dns-packet cannot write or find: dynamic updates (RFC 2136), and where each record of a message begins. Pure.

import { Buffer } from 'node:buffer';

import type { TxtRecord } from './provider.ts';

export interface RecordOffset {
  readonly start: number;
  readonly typeAt: number;
  readonly dataAt: number;
}

export type UpdateKind = 'add' | 'remove';

const typeSoa = 6;
const typeTxt = 16;
const classIn = 1;
/** Delete this one value (RFC 2136 §2.5.4). */
const classNone = 254;
const opcodeUpdate = 5 << 11;
const maxLabelBytes = 63;
const maxNameBytes = 255;
const maxStringBytes = 255;

/** One value put into, or taken out of, a zone; the other values of the name stay. */
export function encodeUpdate(
  id: number,
  zone: string,
  kind: UpdateKind,
  record: TxtRecord,
  ttlSeconds: number,
): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(opcodeUpdate, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 8);
  const zoneSection = Buffer.alloc(4);
  zoneSection.writeUInt16BE(typeSoa, 0);
  zoneSection.writeUInt16BE(classIn, 2);
  const data = encodeText(record.value);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(typeTxt, 0);
  head.writeUInt16BE(kind === 'add' ? classIn : classNone, 2);
  head.writeUInt32BE(kind === 'add' ? ttlSeconds : 0, 4);
  head.writeUInt16BE(data.length, 8);
  const name = encodeName(record.name);
  return Buffer.concat([header, encodeName(zone), zoneSection, name, head, data]);
}

/** Not compressed, in lower case: the canonical form that signatures are made of. @throws RangeError */
export function encodeName(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > maxLabelBytes) {
      throw new RangeError(`"${name}" is no domain name`);
    }
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const encoded = Buffer.concat([...parts, Buffer.of(0)]);
  if (encoded.length > maxNameBytes)
    throw new RangeError(`"${name}" is too long for a domain name`);
  return encoded;
}

/** All records behind the question, in order. @throws RangeError for bytes that are not a whole message */
export function recordOffsets(message: Buffer): RecordOffset[] {
  const questions = message.readUInt16BE(4);
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let at = 12;
  for (let left = questions; left > 0; left -= 1) at = afterName(message, at) + 4;
  const offsets: RecordOffset[] = [];
  for (let left = records; left > 0; left -= 1) {
    const typeAt = afterName(message, at);
    const dataAt = typeAt + 10;
    offsets.push({ start: at, typeAt, dataAt });
    at = dataAt + message.readUInt16BE(typeAt + 8);
  }
  if (at > message.length) throw new RangeError('a record reaches beyond the message');
  return offsets;
}

/** A pointer ends a name (RFC 1035 §4.1.4), so none is followed and none can lead in a circle. */
function afterName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) return at + 2;
    if (length === 0) return at + 1;
    at += length + 1;
  }
}

function encodeText(value: string): Buffer {
  const bytes = Buffer.from(value);
  const strings: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += maxStringBytes) {
    const string = bytes.subarray(at, at + maxStringBytes);
    strings.push(Buffer.of(string.length), string);
  }
  return Buffer.concat(strings);
}
