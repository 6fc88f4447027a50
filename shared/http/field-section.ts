// Pushed bytes become field lines: the strict line and field grammar that heads and trailers share (RFC 9112 §2.2, §5).

import { Buffer } from 'node:buffer';
import { CodedError } from '../errors.ts';

/** Field lines in order, names in lower case: [name, value, name, value, ...]. Values are latin1. */
export type FieldLines = readonly string[];

export type MessageErrorCode =
  /** The bytes are not HTTP/1.x, or two readers could disagree about where the message ends. */
  | 'http.malformed'
  /** A head or a trailer section over its limits. */
  | 'http.too-large'
  /** Something to be sent holds a byte that would start another line. */
  | 'http.unsafe';

/** The only thing that bytes from an origin can make this folder throw. */
export class MessageError extends CodedError<MessageErrorCode> {}

export interface SectionLimits {
  readonly bytes: number;
  readonly fields: number;
}

const cr = 0x0d;
const lf = 0x0a;
const colon = 0x3a;
const space = 0x20;
const tab = 0x09;

/** 1 for the bytes a line may hold: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5). CR, LF, NUL and DEL are not among them. */
const isText = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === tab || (byte >= space && byte !== 0x7f) ? 1 : 0,
);

/** 1 for the bytes of a token (RFC 9110 §5.6.2). */
const isToken = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

const nothing = Buffer.alloc(0);

/**
 * Reads lines up to and including the empty one. Chunks may be split at every byte; each byte is looked at
 * once, and nothing is copied unless the section spans chunks.
 */
export class FieldSection {
  readonly #limits: SectionLimits;
  /** Either the chunk being pushed or, once a section spans chunks, a buffer of our own. */
  #bytes: Buffer = nothing;
  #length = 0;
  #isOwned = false;
  #at = 0;
  #lineStart = 0;
  #startLineEnd: number;
  /** Four offsets per field: name from, name to, value from, value to. */
  readonly #offsets: number[] = [];

  /** How many bytes of the last chunk belonged to the section, once `push` has returned true. */
  consumed = 0;

  constructor(limits: SectionLimits, options: { hasStartLine: boolean }) {
    this.#limits = limits;
    this.#startLineEnd = options.hasStartLine ? -1 : 0;
  }

  /** Takes a chunk; true once the section is complete. @throws MessageError */
  push(chunk: Buffer): boolean {
    const held = this.#length;
    this.#append(chunk);
    for (;;) {
      const lineEnd = this.#scanLine();
      if (lineEnd === -1) {
        if (!this.#isOwned) this.#own(this.#length);
        return false;
      }
      if (this.#startLineEnd === -1) this.#startLineEnd = lineEnd;
      else if (lineEnd === this.#lineStart) break;
      else this.#scanField(this.#lineStart, lineEnd);
      this.#lineStart = this.#at;
    }
    this.consumed = this.#at - held;
    return true;
  }

  /** The start line, as soon as it has arrived whole. */
  startLine(): string | undefined {
    if (this.#startLineEnd === -1) return undefined;
    return this.#bytes.toString('latin1', 0, this.#startLineEnd);
  }

  /** The fields of a complete section. */
  fields(): string[] {
    const text = this.#bytes.toString('latin1', 0, this.#at);
    const offsets = this.#offsets;
    const fields: string[] = [];
    for (let i = 0; i < offsets.length; i += 4) {
      fields.push(text.slice(offsets[i], offsets[i + 1]).toLowerCase());
      fields.push(text.slice(offsets[i + 2], offsets[i + 3]));
    }
    return fields;
  }

  /** Offset of the CR that ends the next line, -1 when the line is not complete yet. */
  #scanLine(): number {
    const bytes = this.#bytes;
    const length = Math.min(this.#length, this.#limits.bytes);
    let at = this.#at;
    while (at < length && isText[bytes[at] as number] === 1) at++;
    this.#at = at;
    if (at === this.#limits.bytes) throw tooLarge(`over ${this.#limits.bytes} bytes`);
    if (at === length) return -1;
    if (bytes[at] !== cr) throw malformed('a control character, or a line that ends without CR LF');
    if (at + 1 === this.#length) return -1;
    if (bytes[at + 1] !== lf) throw malformed('CR without LF');
    this.#at = at + 2;
    return at;
  }

  #scanField(from: number, to: number): void {
    const bytes = this.#bytes;
    let nameEnd = from;
    while (isToken[bytes[nameEnd] as number] === 1) nameEnd++;
    // One test for a folded line, a space before the colon, an empty name and a line without a colon: the CR at `to` is no token.
    if (nameEnd === from || bytes[nameEnd] !== colon) throw malformed('a line that is not a field');
    let valueStart = nameEnd + 1;
    while (valueStart < to && isBlank(bytes[valueStart])) valueStart++;
    // llhttp, and so every Node beside us, takes `chunked` before a tab for an unknown coding and reads until the close.
    if (bytes[to - 1] === tab && nameEnd - from === 'transfer-encoding'.length) {
      throw malformed('a tab behind a Transfer-Encoding');
    }
    let valueEnd = to;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
    this.#offsets.push(from, nameEnd, valueStart, valueEnd);
    if (this.#offsets.length > this.#limits.fields * 4) {
      throw tooLarge(`over ${this.#limits.fields} fields`);
    }
  }

  #append(chunk: Buffer): void {
    if (!this.#isOwned) {
      this.#bytes = chunk;
      this.#length = chunk.length;
      return;
    }
    // Bytes past the limit are never read, so they are not copied either.
    const taken = Math.min(chunk.length, this.#limits.bytes + 2 - this.#length);
    if (this.#length + taken > this.#bytes.length) this.#own(this.#length + taken);
    chunk.copy(this.#bytes, this.#length, 0, taken);
    this.#length += taken;
  }

  /** Keeps what has arrived beyond the life of its chunk; doubles, so that a head in single bytes is not copied for each. */
  #own(length: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(1024, length * 2));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
    this.#isOwned = true;
  }
}

export function malformed(what: string): MessageError {
  return new MessageError('http.malformed', `the message has ${what}`);
}

function tooLarge(what: string): MessageError {
  return new MessageError('http.too-large', `the head or trailer section is ${what}`);
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}
