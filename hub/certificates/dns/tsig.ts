// A DNS message and a shared key arrive; the message leaves with its signature, and an answer is believed or not (RFC 8945). Pure.

import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';

import { DnsError } from './failure.ts';
import type { TsigAlgorithm, TsigKey } from './provider-settings.ts';
import { encodeName, recordOffsets } from './message.ts';

export interface SignedMessage {
  readonly bytes: Buffer;
  /** Goes into the signature of the answer. */
  readonly mac: Buffer;
}

/** What the server says about the signature. */
export interface TsigAnswer {
  /** 0, or one of `tsigErrors`. */
  readonly error: number;
  /** True: it was made with the same key, for this very question. */
  readonly isGenuine: boolean;
  /** The server's clock, when it finds that ours is wrong. */
  readonly serverTime: Date | undefined;
}

export const tsigErrors = { badSignature: 16, badKey: 17, badTime: 18 } as const;

const typeTsig = 250;
const classAny = 255;
/** RFC 8945 §10 recommends five minutes. */
const fudgeSeconds = 300;

const digests: Record<TsigAlgorithm, string> = {
  'hmac-sha1': 'sha1',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
};

/** @throws DnsError `dns.misconfigured` when the secret is not base64 */
export function secretBytes({ name, secret }: TsigKey): Buffer {
  const text = secret.reveal().trim();
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  if (isBase64) return Buffer.from(text, 'base64');
  const message = `The secret of the TSIG key ${name} is not base64: copy what stands between the quotes after "secret" in the key file.`;
  throw new DnsError('dns.misconfigured', message);
}

export function signMessage(message: Buffer, key: TsigKey, now: Date): SignedMessage {
  const variables = { key, seconds: secondsOf(now), error: 0, other: Buffer.alloc(0) };
  const mac = macOf(key, message, variablesBytes(variables));
  const bytes = Buffer.concat([message, tsigRecord(variables, mac, message.readUInt16BE(0))]);
  bytes.writeUInt16BE(bytes.readUInt16BE(10) + 1, 10);
  return { bytes, mac };
}

/** Undefined: the answer bears no signature record. @throws RangeError for an answer that cannot be read */
export function checkAnswer(
  answer: Buffer,
  key: TsigKey,
  request: SignedMessage,
  now: Date,
): TsigAnswer | undefined {
  const found = tsigOf(answer);
  if (found === undefined) return undefined;
  const { start, seconds, fudge, mac, originalId, error, other } = found;
  const unsigned = Buffer.from(answer.subarray(0, start));
  unsigned.writeUInt16BE(originalId, 0);
  unsigned.writeUInt16BE(unsigned.readUInt16BE(10) - 1, 10);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(request.mac.length);
  const signed = Buffer.concat([length, request.mac, unsigned]);
  const expected = macOf(key, signed, variablesBytes({ key, seconds, fudge, error, other }));
  const isSigned = expected.length === mac.length && timingSafeEqual(expected, mac);
  // The clocks may differ in an answer that says just that.
  const isTimely = error === tsigErrors.badTime || Math.abs(seconds - secondsOf(now)) <= fudge;
  const serverTime = other.length === 6 ? new Date(other.readUIntBE(0, 6) * 1000) : undefined;
  return { error, isGenuine: isSigned && isTimely, serverTime };
}

interface Variables {
  readonly key: TsigKey;
  readonly seconds: number;
  readonly fudge?: number;
  readonly error: number;
  readonly other: Buffer;
}

function tsigRecord(variables: Variables, mac: Buffer, originalId: number): Buffer {
  const { key, seconds, error, other } = variables;
  const data = Buffer.concat([
    encodeName(key.algorithm),
    timeAndFudge(seconds, fudgeSeconds),
    words(mac.length),
    mac,
    words(originalId, error, other.length),
    other,
  ]);
  const head = Buffer.concat([words(typeTsig, classAny, 0, 0, data.length)]);
  return Buffer.concat([encodeName(key.name), head, data]);
}

/** RFC 8945 §4.3.3. */
function variablesBytes({ key, seconds, fudge = fudgeSeconds, error, other }: Variables): Buffer {
  return Buffer.concat([
    encodeName(key.name),
    words(classAny, 0, 0),
    encodeName(key.algorithm),
    timeAndFudge(seconds, fudge),
    words(error, other.length),
    other,
  ]);
}

function macOf(key: TsigKey, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(digests[key.algorithm], secretBytes(key));
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** The last record, which it must be (RFC 8945 §5.1). */
function tsigOf(answer: Buffer) {
  const last = recordOffsets(answer).at(-1);
  if (last === undefined || answer.readUInt16BE(last.typeAt) !== typeTsig) return undefined;
  // The name of the algorithm is never compressed.
  let at = last.dataAt;
  while (answer.readUInt8(at) !== 0) at += answer.readUInt8(at) + 1;
  at += 1;
  const macLength = answer.readUInt16BE(at + 8);
  const afterMac = at + 10 + macLength;
  const otherLength = answer.readUInt16BE(afterMac + 4);
  return {
    start: last.start,
    seconds: answer.readUIntBE(at, 6),
    fudge: answer.readUInt16BE(at + 6),
    mac: answer.subarray(at + 10, afterMac),
    originalId: answer.readUInt16BE(afterMac),
    error: answer.readUInt16BE(afterMac + 2),
    other: answer.subarray(afterMac + 6, afterMac + 6 + otherLength),
  };
}

function timeAndFudge(seconds: number, fudge: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUIntBE(seconds, 0, 6);
  bytes.writeUInt16BE(fudge, 6);
  return bytes;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, place) => bytes.writeUInt16BE(value, place * 2));
  return bytes;
}

function secondsOf(now: Date): number {
  return Math.floor(now.getTime() / 1000);
}
