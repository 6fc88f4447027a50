// The first bytes of a connection from a trusted proxy arrive, in any pieces; whose connection it is, and the bytes behind the header, leave. Pure.

import { Buffer } from 'node:buffer';

import { parseAddress } from '../../shared/net-address.ts';

/** On whose behalf a proxy connects. */
export type ProxySource =
  | { readonly kind: 'client'; readonly address: string }
  /** A connection of its own, such as a health check. */
  | { readonly kind: 'proxy' }
  /** Somebody's, but the proxy does not know an address: a Unix socket in front of it. */
  | { readonly kind: 'unknown' };

export type ProxyHeader =
  | { readonly state: 'more' }
  | { readonly state: 'header'; readonly source: ProxySource; readonly rest: Buffer }
  /** `reason` is for the operator's log. */
  | { readonly state: 'malformed'; readonly reason: string };

/** Fits into one segment on every path (version 2 of the specification, §2): no honest header is longer. */
const maxHeaderBytes = 536;
const fixedBytes = 16;
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const oldSignature = Buffer.from('PROXY ');

const needMore: ProxyHeader = { state: 'more' };

/** Reads version 2 of the PROXY protocol; version 1 is a line of text, which is refused by name. */
export class ProxyHeaderReader {
  #bytes: Buffer = Buffer.alloc(0);

  push(piece: Buffer): ProxyHeader {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    const bytes = this.#bytes;
    if (startsLike(bytes, oldSignature))
      return malformed('it is of version 1; let the proxy send version 2 (HAProxy: send-proxy-v2)');
    if (!startsLike(bytes, signature))
      return malformed('there is none; let the proxy send one, or unset HUB_PROXY_PROTOCOL');
    if (bytes.length < fixedBytes) return needMore;
    const length = fixedBytes + bytes.readUInt16BE(14);
    if (length > maxHeaderBytes) return malformed(`it is longer than ${maxHeaderBytes} bytes`);
    if (bytes.length < length) return needMore;
    return readHeader(bytes.subarray(0, length), bytes.subarray(length));
  }
}

/** The 4 high bits of the byte are the version, the low ones the command (§2.2). */
const [localCommand, proxyCommand] = [0x20, 0x21];

/** Length of the addresses by family and transport, which is TCP: a datagram did not come over this connection. */
const addressBytes = new Map([
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);

function readHeader(header: Buffer, rest: Buffer): ProxyHeader {
  const command = header.readUInt8(12);
  const family = header.readUInt8(13);
  if (command === localCommand) return { state: 'header', source: { kind: 'proxy' }, rest };
  if (command !== proxyCommand) return malformed('its version or command is unknown');
  // Unspecified: whatever follows is to be ignored.
  if (family === 0) return { state: 'header', source: { kind: 'unknown' }, rest };
  const length = addressBytes.get(family);
  if (length === undefined) return malformed('its address family is unknown');
  if (header.length < fixedBytes + length) return malformed('its addresses are cut short');
  const flaw = extensionFlaw(header, fixedBytes + length);
  if (flaw !== undefined) return malformed(flaw);
  return { state: 'header', source: sourceOf(header, family), rest };
}

function sourceOf(header: Buffer, family: number): ProxySource {
  const text =
    family === 0x11
      ? header.subarray(fixedBytes, fixedBytes + 4).join('.')
      : header
          .subarray(fixedBytes, fixedBytes + 16)
          .toString('hex')
          .replaceAll(/(.{4})(?!$)/g, '$1:');
  const address = family === 0x31 ? undefined : parseAddress(text);
  return address === undefined ? { kind: 'unknown' } : { kind: 'client', address };
}

const checksumType = 3;

/** What is wrong with the type-length-values behind the addresses, if anything is. All are skipped but the checksum (§2.2.3). */
function extensionFlaw(header: Buffer, start: number): string | undefined {
  for (let at = start; at < header.length;) {
    if (at + 3 > header.length) return 'an extension is cut short';
    const end = at + 3 + header.readUInt16BE(at + 1);
    if (end > header.length) return 'an extension is cut short';
    if (header.readUInt8(at) === checksumType && !hasChecksum(header, at + 3, end))
      return 'its checksum is wrong';
    at = end;
  }
  return undefined;
}

/** CRC-32C over the whole header, with the checksum itself as zeros. */
function hasChecksum(header: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false;
  const sent = header.readUInt32BE(start);
  return sent === crc32c(Buffer.from(header).fill(0, start, end));
}

/** RFC 9260 appendix A: the reversed polynomial 0x82F63B78. zlib knows another one. Headers are short: no table. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** As far as both go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return length > 0 && bytes.subarray(0, length).equals(start.subarray(0, length));
}

function malformed(reason: string): ProxyHeader {
  return { state: 'malformed', reason };
}
