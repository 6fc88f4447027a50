// A stranger's message arrives; a question that can be answered leaves, or the error code it deserves, or nothing when silence is right.

import type { Buffer } from 'node:buffer';

import { headerBytes, rcode, recordType } from './wire-codes.ts';

export interface Question {
  /**
   * Lower case as RFC 4343 means it (ASCII only), labels with dots between, `.` for the root. What host names do not have is
   * written `\ddd`, a dot within a label too, so that two names are never one string.
   */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question section, octet by octet: resolvers hide randomness in the case of the name (0x20) and want it back. */
  readonly wire: Buffer;
}

interface Edns {
  /** What the asker takes over UDP, at least 512 (RFC 6891 §6.2.3). */
  readonly payloadBytes: number;
  readonly version: number;
  /** RFC 3225 §3: comes back as it came. */
  readonly isDnssecOk: boolean;
}

interface Header {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
}

export interface Request extends Header {
  readonly question: Question;
  /** Undefined: the asker knows no EDNS, and must not see any (RFC 6891 §7). */
  readonly edns: Edns | undefined;
}

/** Answered with a header alone: what follows it cannot be trusted. */
export interface Refusal extends Header {
  readonly rcode: number;
}

/** RFC 1035 §4.2.1: the most over UDP without EDNS. A plain question that is whole has at most 271. */
export const plainUdpBytes = 512;
/** RFC 1035 §2.3.4, with the root's octet. */
const nameBytes = 255;
/** Root, type, class, TTL and length of an OPT record (RFC 6891 §6.1.2). */
const optFixedBytes = 11;

/**
 * A message is read by hand as far as questions may go, and refused beyond: a decoder that believes the counts of a header
 * works for seconds on twelve octets. Undefined: no answer at all.
 */
export function readRequest(message: Buffer, maxBytes: number): Request | Refusal | undefined {
  // Nothing names the question that an answer would belong to.
  if (message.length < headerBytes) return undefined;
  const flags = message.readUInt16BE(2);
  // QR: two servers that answer each other's answers never stop.
  if ((flags & 0x8000) !== 0) return undefined;
  const header: Header = {
    id: message.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    isRecursionDesired: (flags & 0x0100) !== 0,
  };
  const refuse = (code: number): Refusal => ({ ...header, rcode: code });
  // RFC 1035 §4.1.1; NOTIFY and UPDATE are for others.
  if (header.opcode !== 0) return refuse(rcode.notImplemented);
  if (!hasPlausibleCounts(message) || message.length > maxBytes) return refuse(rcode.formatError);
  const question = readQuestion(message);
  if (question === undefined) return refuse(rcode.formatError);
  const rest = message.subarray(headerBytes + question.wire.length);
  const hasOpt = message.readUInt16BE(10) === 1;
  const edns = hasOpt ? readOpt(rest) : undefined;
  // An additional record that is no OPT is a signature (TSIG, SIG(0)) that nobody here can check.
  const isWhole = hasOpt ? edns !== undefined : rest.length === 0;
  return isWhole ? { ...header, question, edns } : refuse(rcode.formatError);
}

/** One question (RFC 9619 §4), no records but one OPT (RFC 6891 §6.1.1: more of them are a FORMERR). */
function hasPlausibleCounts(message: Buffer): boolean {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) =>
    message.readUInt16BE(at),
  );
  return questions === 1 && answers === 0 && authorities === 0 && (additionals ?? 0) <= 1;
}

/** Undefined: cut short, too long, or with a pointer, which could only lead nowhere (RFC 1035 §4.1.4: to a prior name). */
function readQuestion(message: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // Also the label types that RFC 6891 §5 made obsolete.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length || at + length - headerBytes >= nameBytes) return undefined;
    labels.push(labelText(message.subarray(at, at + length)));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return {
    name: labels.length === 0 ? '.' : labels.join('.'),
    type: message.readUInt16BE(at),
    class: message.readUInt16BE(at + 2),
    wire: message.subarray(headerBytes, at + 4),
  };
}

const plainLabel = /^[a-zA-Z0-9_*-]+$/;

/** RFC 1035 §5.1: `\ddd` is the octet with that decimal number. */
function labelText(octets: Buffer): string {
  const text = octets.toString('latin1');
  // toLowerCase would also change letters beyond ASCII, which RFC 4343 §3 keeps apart: those are numbers by then.
  if (plainLabel.test(text)) return text.toLowerCase();
  return Array.from(octets, (octet) => {
    const character = String.fromCharCode(octet);
    return plainLabel.test(character)
      ? character.toLowerCase()
      : `\\${String(octet).padStart(3, '0')}`;
  }).join('');
}

/** Undefined unless these octets are one well-formed OPT record. Its options are walked over, and none is understood. */
function readOpt(octets: Buffer): Edns | undefined {
  if (octets.length < optFixedBytes || octets[0] !== 0) return undefined;
  if (octets.readUInt16BE(1) !== recordType.OPT) return undefined;
  const end = optFixedBytes + octets.readUInt16BE(9);
  if (end !== octets.length) return undefined;
  let at = optFixedBytes;
  while (at + 4 <= end) at += 4 + octets.readUInt16BE(at + 2);
  if (at !== end) return undefined;
  return {
    payloadBytes: Math.max(plainUdpBytes, octets.readUInt16BE(3)),
    version: octets.readUInt8(6),
    isDnssecOk: (octets.readUInt8(7) & 0x80) !== 0,
  };
}
