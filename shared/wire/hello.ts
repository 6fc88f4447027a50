// The three messages of the handshake between bytes and records. Fields are tag, length, value, so later versions can add. Pure.

import { Buffer } from 'node:buffer';
import { firstHighestResetCode } from './codes.ts';
import { maxLinksPerAgent } from './limits.ts';
import { nonceBytes } from './proof.ts';

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The versions of the wire this program speaks, and the only place to say so. */
export const protocolVersions: VersionRange = { min: 1, max: 1 };

/** Hub -> agent, first. */
export interface Challenge {
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly nonce: Buffer;
}

/** Agent -> hub: who I am, proved for this one connection. */
export interface Hello {
  /** The version the agent chose: the highest both speak (rule P13). */
  readonly version: number;
  readonly agentId: string;
  /** Ed25519 over connectProof, 64 bytes. */
  readonly signature: Buffer;
  /** Which process of the agent speaks: larger than that of any former one with this key (rule P14). */
  readonly epoch: bigint;
  /** What a stream may send to the agent before its first credit. */
  readonly initialWindowBytes: number;
  /** Program and version, for the owner's eyes: `phlix-agent/0.1.0`. */
  readonly software: string;
  /** Which of the links of that process this is, 0 to 7; 0 from agents that have only one. */
  readonly slot: number;
  /** What the origin speaks. The agent does not: the hub has to know. */
  readonly originProtocol: OriginProtocol;
  /** The hub shall say beside OPEN whose exchange it is, and use a stream for one visitor only. */
  readonly wantsClientAddress?: boolean;
}

export type OriginProtocol = 'http/1.1' | 'h2c';

/** Hub -> agent: the session starts behind it. */
export interface Welcome {
  readonly initialWindowBytes: number;
  readonly pingIntervalMs: number;
  readonly pingDeadlineMs: number;
  /** Public addresses of the server, for the agent to print. */
  readonly addresses: readonly string[];
  /** How many links one agent may hold at once, 1 to 8; 1 from hubs that know no slots. */
  readonly maxLinks: number;
  /** The hub knows the RESET codes up to this one; 7 from hubs that do not say it. */
  readonly highestResetCode: number;
}

/** The highest version both speak, or undefined. */
export function commonVersion(
  offer: { minVersion: number; maxVersion: number },
  own: VersionRange = protocolVersions,
): number | undefined {
  const version = Math.min(offer.maxVersion, own.max);
  return version >= Math.max(offer.minVersion, own.min) ? version : undefined;
}

export function encodeChallenge(challenge: Challenge): Buffer {
  return encode([
    [tag.minVersion, unsigned(challenge.minVersion, 2)],
    [tag.maxVersion, unsigned(challenge.maxVersion, 2)],
    [tag.nonce, challenge.nonce],
  ]);
}

/** Undefined: malformed. The same holds for the other two. */
export function decodeChallenge(bytes: Buffer): Challenge | undefined {
  const fields = decode(bytes);
  const minVersion = readUnsigned(fields?.get(tag.minVersion), 2);
  const maxVersion = readUnsigned(fields?.get(tag.maxVersion), 2);
  const nonce = fields?.get(tag.nonce);
  if (minVersion === undefined || maxVersion === undefined) return undefined;
  if (nonce?.length !== nonceBytes || minVersion > maxVersion) return undefined;
  return { minVersion, maxVersion, nonce };
}

export function encodeHello(hello: Hello): Buffer {
  const epoch = Buffer.alloc(8);
  epoch.writeBigUInt64BE(hello.epoch);
  return encode([
    [tag.version, unsigned(hello.version, 2)],
    [tag.agentId, Buffer.from(hello.agentId, 'latin1')],
    [tag.signature, hello.signature],
    [tag.epoch, epoch],
    [tag.initialWindow, unsigned(hello.initialWindowBytes, 4)],
    [tag.software, Buffer.from(hello.software, 'latin1')],
    [tag.slot, unsigned(hello.slot, 1)],
    [tag.originProtocol, Buffer.from(hello.originProtocol, 'latin1')],
    ...(hello.wantsClientAddress === true ? [wantsClientAddress] : []),
  ]);
}

export function decodeHello(bytes: Buffer): Hello | undefined {
  const fields = decode(bytes);
  const version = readUnsigned(fields?.get(tag.version), 2);
  const agentId = readText(fields?.get(tag.agentId), /^[A-Za-z0-9_-]{1,64}$/);
  const signature = fields?.get(tag.signature);
  const epoch = fields?.get(tag.epoch);
  const initialWindowBytes = readAmount(fields?.get(tag.initialWindow));
  const software = readText(fields?.get(tag.software), /^[\x21-\x7e ]{1,64}$/);
  if (version === undefined || agentId === undefined || software === undefined) return undefined;
  if (signature?.length !== 64 || epoch?.length !== 8) return undefined;
  if (initialWindowBytes === undefined) return undefined;
  const slot = readOptional(fields?.get(tag.slot), 0, (value) => readUnsigned(value, 1));
  const originProtocol = readOptional(fields?.get(tag.originProtocol), 'http/1.1', readProtocol);
  if (slot === undefined || slot >= maxLinksPerAgent || originProtocol === undefined) {
    return undefined;
  }
  const wish = fields?.get(tag.wantsClientAddress);
  if (wish !== undefined && wish.length > 0) return undefined;
  return {
    version,
    agentId,
    signature,
    epoch: epoch.readBigUInt64BE(),
    initialWindowBytes,
    software,
    slot,
    originProtocol,
    ...(wish !== undefined && { wantsClientAddress: true }),
  };
}

export function encodeWelcome(welcome: Welcome): Buffer {
  return encode([
    [tag.initialWindow, unsigned(welcome.initialWindowBytes, 4)],
    [tag.pingInterval, unsigned(welcome.pingIntervalMs, 4)],
    [tag.pingDeadline, unsigned(welcome.pingDeadlineMs, 4)],
    [tag.addresses, Buffer.from(welcome.addresses.join(' '), 'latin1')],
    [tag.maxLinks, unsigned(welcome.maxLinks, 1)],
    [tag.highestResetCode, unsigned(welcome.highestResetCode, 1)],
  ]);
}

export function decodeWelcome(bytes: Buffer): Welcome | undefined {
  const fields = decode(bytes);
  const initialWindowBytes = readAmount(fields?.get(tag.initialWindow));
  const pingIntervalMs = readAmount(fields?.get(tag.pingInterval));
  const pingDeadlineMs = readAmount(fields?.get(tag.pingDeadline));
  const addresses = readText(fields?.get(tag.addresses), /^[\x21-\x7e ]{0,2048}$/);
  if (initialWindowBytes === undefined || addresses === undefined) return undefined;
  if (pingIntervalMs === undefined || pingDeadlineMs === undefined) return undefined;
  const maxLinks = readOptional(fields?.get(tag.maxLinks), 1, (value) => readUnsigned(value, 1));
  if (maxLinks === undefined || maxLinks < 1 || maxLinks > maxLinksPerAgent) return undefined;
  const highestResetCode = readOptional(
    fields?.get(tag.highestResetCode),
    firstHighestResetCode,
    (value) => readUnsigned(value, 1),
  );
  if (highestResetCode === undefined) return undefined;
  return {
    initialWindowBytes,
    pingIntervalMs,
    pingDeadlineMs,
    addresses: addresses.split(' ').filter((address) => address !== ''),
    maxLinks,
    highestResetCode,
  };
}

const tag = {
  minVersion: 1,
  maxVersion: 2,
  nonce: 3,
  version: 4,
  agentId: 5,
  signature: 6,
  epoch: 7,
  initialWindow: 8,
  software: 9,
  pingInterval: 10,
  pingDeadline: 11,
  addresses: 12,
  slot: 13,
  originProtocol: 14,
  maxLinks: 15,
  wantsClientAddress: 16,
  highestResetCode: 17,
} as const;

/** Its presence says it. */
const wantsClientAddress: [tag: number, value: Buffer] = [tag.wantsClientAddress, Buffer.alloc(0)];

function encode(fields: [tag: number, value: Buffer][]): Buffer {
  return Buffer.concat(
    fields.flatMap(([tag, value]) => {
      const head = Buffer.alloc(3);
      head.writeUInt8(tag, 0);
      head.writeUInt16BE(value.length, 1);
      return [head, value];
    }),
  );
}

/** Tags we do not know are kept and never asked for; a tag that comes twice has no meaning both ends agree on. */
function decode(bytes: Buffer): Map<number, Buffer> | undefined {
  const fields = new Map<number, Buffer>();
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 3 > bytes.length) return undefined;
    const name = bytes.readUInt8(offset);
    const end = offset + 3 + bytes.readUInt16BE(offset + 1);
    if (end > bytes.length || fields.has(name)) return undefined;
    fields.set(name, bytes.subarray(offset + 3, end));
    offset = end;
  }
  return fields;
}

function unsigned(value: number, bytes: 1 | 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function readUnsigned(value: Buffer | undefined, bytes: 1 | 2 | 4): number | undefined {
  return value?.length === bytes ? value.readUIntBE(0, bytes) : undefined;
}

/** Bytes of a window or milliseconds of a timer: at least 1, and no more than Node's timers and the credit's sum can hold. */
function readAmount(value: Buffer | undefined): number | undefined {
  const amount = readUnsigned(value, 4);
  return amount !== undefined && amount >= 1 && amount <= 0x7fff_ffff ? amount : undefined;
}

/** Fields that came after the first release: absent from an older peer, and then as it was before there were any. */
function readOptional<Value>(
  value: Buffer | undefined,
  usual: Value,
  read: (value: Buffer) => Value | undefined,
): Value | undefined {
  return value === undefined ? usual : read(value);
}

function readProtocol(value: Buffer): OriginProtocol | undefined {
  const text = value.toString('latin1');
  return text === 'http/1.1' || text === 'h2c' ? text : undefined;
}

function readText(value: Buffer | undefined, allowed: RegExp): string | undefined {
  const text = value?.toString('latin1');
  return text !== undefined && allowed.test(text) ? text : undefined;
}
