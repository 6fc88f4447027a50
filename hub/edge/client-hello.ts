// The first bytes of a connection arrive, in any pieces; what the ClientHello asks for leaves, before any of it is decrypted.

import { Buffer } from 'node:buffer';

import { parseHostname } from './authority.ts';

export interface ClientHello {
  /** Lower case. Undefined when there is none, or none that is a hostname. */
  readonly serverName: string | undefined;
  /** `supported_versions`, or the one legacy version: 0x0303 is TLS 1.2, 0x0304 TLS 1.3. */
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  /** `signature_algorithms` (RFC 8446 §4.2.3). Undefined: a client from before TLS 1.2, or one that leaves it to the server. */
  readonly signatureSchemes: readonly number[] | undefined;
  /** `supported_groups` (RFC 8446 §4.2.7). Undefined: not said. */
  readonly groups: readonly number[] | undefined;
  /** What ALPN offers (RFC 7301), in its order. None: no ALPN. */
  readonly protocols: readonly string[];
}

export type Peek =
  | { readonly state: 'more' }
  | { readonly state: 'hello'; readonly hello: ClientHello }
  /** Somebody speaks HTTP without TLS. */
  | { readonly state: 'plain-http' }
  | { readonly state: 'malformed' };

/** Hellos with post-quantum key shares are about 1.8 KiB; OpenSSL itself refuses more than 16 KiB. */
export const maxHelloBytes = 16_384;

const needMore: Peek = { state: 'more' };
const malformed: Peek = { state: 'malformed' };

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 0x16;
const clientHelloMessage = 1;
const tls12 = 0x0303;
const extensionType = {
  serverName: 0,
  groups: 10,
  signatureAlgorithms: 13,
  protocols: 16,
  supportedVersions: 43,
} as const;

/** Gathers the pieces. `bytes` is what has to be unshifted before TLS takes the connection over. */
export class HelloReader {
  bytes: Buffer = Buffer.alloc(0);
  /** Looking again before this many bytes are there is in vain: keeps byte-wise senders from costing a parse per byte. */
  #atLeast = 1;
  /** Where the first record begins that was not read yet. */
  #at = 0;
  readonly #payloads: { readonly start: number; readonly end: number }[] = [];
  #gathered = 0;
  #messageEnd: number | undefined;

  push(piece: Buffer): Peek {
    this.bytes = this.bytes.length === 0 ? piece : Buffer.concat([this.bytes, piece]);
    if (this.bytes.length < this.#atLeast) return needMore;
    const first = this.bytes[0] ?? 0;
    if (first !== handshakeRecord)
      return isUpperCaseLetter(first) ? { state: 'plain-http' } : malformed;
    return this.#readRecords();
  }

  /** A ClientHello may be cut into several records (RFC 8446 §5.1), thousands if a stranger likes: each is read once. */
  #readRecords(): Peek {
    while (this.#at + recordHeaderBytes <= this.bytes.length) {
      const start = this.#at + recordHeaderBytes;
      const length = this.bytes.readUInt16BE(this.#at + 3);
      const isHandshake =
        this.bytes[this.#at] === handshakeRecord && this.bytes[this.#at + 1] === 3;
      if (!isHandshake || length === 0 || this.#at + length > maxHelloBytes) return malformed;
      if (start + length > this.bytes.length) return this.#waitFor(start + length);
      this.#at = start + length;
      this.#payloads.push({ start, end: this.#at });
      this.#gathered += length;
      const peek = this.#readMessage();
      if (peek !== undefined) return peek;
    }
    return this.#waitFor(this.#at + recordHeaderBytes);
  }

  /** Undefined while the message is not whole. Its pieces are joined twice at most: for its length and for its end. */
  #readMessage(): Peek | undefined {
    if (this.#gathered < messageHeaderBytes) return undefined;
    if (this.#messageEnd === undefined) {
      const start = this.#joined();
      if (start[0] !== clientHelloMessage) return malformed;
      this.#messageEnd = messageHeaderBytes + start.readUIntBE(1, 3);
    }
    if (this.#messageEnd > maxHelloBytes) return malformed;
    if (this.#messageEnd > this.#gathered) return undefined;
    return readHello(new Cursor(this.#joined().subarray(messageHeaderBytes, this.#messageEnd)));
  }

  #joined(): Buffer {
    return Buffer.concat(this.#payloads.map(({ start, end }) => this.bytes.subarray(start, end)));
  }

  #waitFor(length: number): Peek {
    if (length > maxHelloBytes + recordHeaderBytes) return malformed;
    this.#atLeast = length;
    return needMore;
  }
}

/** RFC 8446 §4.1.2. */
function readHello(cursor: Cursor): Peek {
  const legacyVersion = cursor.u16();
  cursor.take(32);
  cursor.take(cursor.u8());
  const cipherSuites = readPairs(cursor.vector(cursor.u16()));
  cursor.take(cursor.u8());
  const hello: Mutable<ClientHello> = {
    serverName: undefined,
    // Whatever it claims: TLS 1.3 is spoken only by those who list it (RFC 8446 §4.2.1).
    versions: [Math.min(legacyVersion, tls12)],
    cipherSuites,
    signatureSchemes: undefined,
    groups: undefined,
    protocols: [],
  };
  if (cursor.remaining > 0) {
    const extensions = cursor.vector(cursor.u16());
    const seen = new Set<number>();
    while (extensions.remaining > 0) {
      const type = extensions.u16();
      const body = extensions.vector(extensions.u16());
      if (extensions.isBroken || seen.has(type)) return malformed;
      seen.add(type);
      readExtension(hello, type, body);
      if (body.isBroken) return malformed;
    }
  }
  return cursor.isBroken || cursor.remaining > 0 ? malformed : { state: 'hello', hello };
}

type Mutable<Read> = { -readonly [Key in keyof Read]: Read[Key] };

function readExtension(hello: Mutable<ClientHello>, type: number, body: Cursor): void {
  if (type === extensionType.serverName) hello.serverName = readServerName(body);
  else if (type === extensionType.supportedVersions)
    hello.versions = readAll(body, body.u8(), readPairs);
  else if (type === extensionType.signatureAlgorithms)
    hello.signatureSchemes = readAll(body, body.u16(), readPairs);
  else if (type === extensionType.groups) hello.groups = readAll(body, body.u16(), readPairs);
  else if (type === extensionType.protocols)
    hello.protocols = readAll(body, body.u16(), readProtocols);
}

/** RFC 6066 §3: exactly one host_name, or no name at all. */
function readServerName(body: Cursor): string | undefined {
  const list = body.vector(body.u16());
  const type = list.u8();
  const name = list.take(list.u16());
  if (list.isBroken || list.remaining > 0 || body.remaining > 0) {
    body.isBroken = true;
    return undefined;
  }
  return type === 0 ? parseHostname(name.toString('latin1')) : undefined;
}

/** One list of `length` bytes that fills the extension. */
function readAll<Item>(body: Cursor, length: number, read: (list: Cursor) => Item[]): Item[] {
  const list = body.vector(length);
  const items = read(list);
  if (list.isBroken || body.remaining > 0) body.isBroken = true;
  return items;
}

/** Versions, suites and schemes are two bytes each. */
function readPairs(list: Cursor): number[] {
  const pairs: number[] = [];
  while (list.remaining > 0 && !list.isBroken) pairs.push(list.u16());
  return pairs;
}

/** RFC 7301 §3.1. */
function readProtocols(list: Cursor): string[] {
  const protocols: string[] = [];
  while (list.remaining > 0 && !list.isBroken)
    protocols.push(list.take(list.u8()).toString('latin1'));
  return protocols;
}

/** Reads forward; a read past the end yields zeros and marks the cursor broken, so that one check at the end suffices. */
class Cursor {
  isBroken = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.remaining) {
      this.isBroken = true;
      this.#at = this.#bytes.length;
      return Buffer.alloc(0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    const pair = this.take(2);
    return pair.length === 2 ? pair.readUInt16BE(0) : 0;
  }

  /** A cursor over the next `length` bytes; a short one breaks both. */
  vector(length: number): Cursor {
    const inner = new Cursor(this.take(length));
    inner.isBroken = this.isBroken;
    return inner;
  }
}

function isUpperCaseLetter(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}
