// A request and its answer arrive; the octets leave that go back to who asked, cut short where they would not fit.

import { Buffer } from 'node:buffer';

import { encode, type Answer as PacketRecord } from 'dns-packet';

import type { Answer } from './answer.ts';
import type { Refusal, Request } from './request.ts';
import { headerBytes, rcode } from './wire-codes.ts';
import type { ResourceRecord } from './zone.ts';

const isResponse = 0x8000;
const isAuthoritative = 0x0400;
const isTruncated = 0x0200;
const isRecursionDesired = 0x0100;
/** Root's name, before its type. */
const rootBytes = 1;

/**
 * `maxBytes`: what the way back carries. Beyond it the records stay here and TC says that TCP has them (RFC 2181 §9).
 * `ourPayloadBytes` tells an asker who knows EDNS what we take.
 */
export function encodeResponse(
  request: Request,
  answer: Answer,
  { maxBytes, ourPayloadBytes }: { readonly maxBytes: number; readonly ourPayloadBytes: number },
): Buffer {
  const sections = [answer.answers, answer.authorities, answer.additionals];
  const octets = sections.flat().map((record) => encodeRecord(record, request));
  const opt = request.edns === undefined ? [] : [encodeOpt(request, answer.rcode, ourPayloadBytes)];
  const [answers = 0, authorities = 0, additionals = 0] = sections.map(({ length }) => length);
  const flags =
    isResponse |
    (answer.isAuthoritative ? isAuthoritative : 0) |
    (request.isRecursionDesired ? isRecursionDesired : 0) |
    (answer.rcode & 0xf);
  const counts = [1, answers, authorities, additionals + opt.length];
  const head = encodeHead(request.id, flags, counts);
  const whole = Buffer.concat([head, request.question.wire, ...octets, ...opt]);
  if (whole.length <= maxBytes) return whole;
  const emptied = encodeHead(request.id, flags | isTruncated, [1, 0, 0, opt.length]);
  return Buffer.concat([emptied, request.question.wire, ...opt]);
}

/** The answer of a server that would give none over UDP now, and the way to get it: as long as the question. */
export function encodeTruncated(request: Request, ourPayloadBytes: number): Buffer {
  const opt =
    request.edns === undefined ? [] : [encodeOpt(request, rcode.noError, ourPayloadBytes)];
  const flags = isResponse | isTruncated | (request.isRecursionDesired ? isRecursionDesired : 0);
  const head = encodeHead(request.id, flags, [1, 0, 0, opt.length]);
  return Buffer.concat([head, request.question.wire, ...opt]);
}

export function encodeRefusal({
  id,
  opcode,
  isRecursionDesired: rd,
  rcode: code,
}: Refusal): Buffer {
  const flags = isResponse | (opcode << 11) | (rd ? isRecursionDesired : 0) | code;
  return encodeHead(id, flags, [0, 0, 0, 0]);
}

function encodeHead(id: number, flags: number, counts: readonly number[]): Buffer {
  const head = Buffer.alloc(headerBytes);
  for (const [at, value] of [id, flags, ...counts].entries()) head.writeUInt16BE(value, at * 2);
  return head;
}

/** RFC 6891 §6.1.3: the upper eight bits of the result, version 0, and DO as it came (RFC 3225 §3). */
function encodeOpt({ edns }: Request, code: number, payloadBytes: number): Buffer {
  const opt = Buffer.from('0000290000000000000000', 'hex');
  opt.writeUInt16BE(payloadBytes, 3);
  opt.writeUInt8(code >> 4, 5);
  opt.writeUInt8(edns?.isDnssecOk === true ? 0x80 : 0, 7);
  return opt;
}

/** A record of the root's, as dns-packet writes it, under its owner's name instead. */
function encodeRecord(record: ResourceRecord, request: Request): Buffer {
  // dns-packet changes the list of a TXT record while it writes it.
  const data = record.type === 'TXT' ? record.data.map(latin1) : record.data;
  const packetRecord = { name: '.', type: record.type, ttl: record.ttl, data } as PacketRecord;
  const octets = encode({ type: 'response', answers: [packetRecord] });
  return Buffer.concat([
    encodeOwner(record.owner, request),
    octets.subarray(headerBytes + rootBytes),
  ]);
}

/**
 * A pointer into the question (RFC 1035 §4.1.4), so that the name comes back in the case it was asked for and an answer is
 * hardly longer than its question; spelled out where the question does not end in it.
 */
function encodeOwner(owner: string, { question: { name, wire } }: Request): Buffer {
  if (name !== owner && !name.endsWith(`.${owner}`)) return spelledOut(owner);
  // Ours are plain: an octet for each character and dot, one for the first length and one for the root.
  const ownerBytes = owner.length + 2;
  const nameBytes = wire.length - 4;
  const pointer = Buffer.alloc(2);
  pointer.writeUInt16BE(0xc000 | (headerBytes + nameBytes - ownerBytes));
  return pointer;
}

function spelledOut(name: string): Buffer {
  const labels = name.split('.').map((label) => {
    const octets = latin1(label);
    return Buffer.concat([Buffer.from([octets.length]), octets]);
  });
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
