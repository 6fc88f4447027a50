// Chunked coding both ways: pushed bytes become pieces and trailers, a piece becomes a chunk (RFC 9112 §7.1).

import { Buffer } from 'node:buffer';
import { FieldSection, MessageError, malformed } from './field-section.ts';
import type { FieldLines, SectionLimits } from './field-section.ts';

/** Checksums and signatures fit many times over; a trailer section is never needed to show anything. */
const trailerLimits: SectionLimits = { bytes: 16_384, fields: 64 };

/** Extensions carry nothing that anyone reads; the longest in use, a chunk signature, has about 90 bytes. */
const maxExtensionBytes = 1024;

/** Thirteen hexadecimal digits are 52 bits: exact in a double. */
const maxSizeDigits = 13;

/** Ends a chunked body that has no trailers. */
export const lastChunk = Buffer.from('0\r\n\r\n', 'latin1');

/** One chunk holding these bytes, which must not be none: that would end the body. */
export function encodeChunk(bytes: Buffer): Buffer {
  const size = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
  chunk.write(size, 0, 'latin1');
  bytes.copy(chunk, size.length);
  chunk.write('\r\n', size.length + bytes.length, 'latin1');
  return chunk;
}

type State =
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'bytes'
  | 'bytes-cr'
  | 'bytes-lf'
  | 'trailers'
  | 'done';

export class ChunkedDecoder {
  readonly mayEndHere = false;
  readonly #onPiece: (piece: Buffer) => void;
  readonly #trailerSection = new FieldSection(trailerLimits, { hasStartLine: false });
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extension = '';

  trailers: FieldLines | undefined;

  constructor(onPiece: (piece: Buffer) => void) {
    this.#onPiece = onPiece;
  }

  get isComplete(): boolean {
    return this.#state === 'done';
  }

  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'bytes') at += this.#takeBytes(chunk, at);
      else if (this.#state === 'trailers') at += this.#takeTrailers(chunk.subarray(at));
      else this.#state = this.#step(this.#state, chunk[at++] as number);
    }
    return at;
  }

  #takeBytes(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#size, chunk.length - at);
    this.#size -= taken;
    if (this.#size === 0) this.#state = 'bytes-cr';
    this.#onPiece(chunk.subarray(at, at + taken));
    return taken;
  }

  #takeTrailers(rest: Buffer): number {
    if (!this.#trailerSection.push(rest)) return rest.length;
    const fields = this.#trailerSection.fields();
    if (fields.includes('content-length') || fields.includes('transfer-encoding')) {
      throw malformed('a trailer that would change the framing');
    }
    if (fields.length > 0) this.trailers = fields;
    this.#state = 'done';
    return this.#trailerSection.consumed;
  }

  #step(state: Exclude<State, 'bytes' | 'trailers' | 'done'>, byte: number): State {
    if (state === 'size') return this.#stepSize(byte);
    if (state === 'extension') return this.#stepExtension(byte);
    if (state === 'bytes-cr') {
      expect(byte, cr);
      return 'bytes-lf';
    }
    expect(byte, lf);
    if (state === 'bytes-lf') return 'size';
    this.#digits = 0;
    return this.#size === 0 ? 'trailers' : 'bytes';
  }

  #stepSize(byte: number): State {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      if (++this.#digits > maxSizeDigits) throw malformed('a chunk size too large to be exact');
      this.#size = this.#size * 16 + digit;
      return 'size';
    }
    if (this.#digits === 0) throw malformed('a chunk without a size');
    if (byte === semicolon) {
      this.#extension = ';';
      return 'extension';
    }
    expect(byte, cr);
    return 'size-lf';
  }

  #stepExtension(byte: number): State {
    if (byte === cr) {
      if (!extensions.test(this.#extension)) throw malformed('an unclear chunk extension');
      return 'size-lf';
    }
    this.#extension += String.fromCharCode(byte);
    if (this.#extension.length > maxExtensionBytes) {
      throw new MessageError(
        'http.malformed',
        `a chunk extension exceeds ${maxExtensionBytes} bytes`,
      );
    }
    return 'extension';
  }
}

const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;

/** chunk-ext without the optional blanks (RFC 9112 §7.1.1): those have been used for smuggling. */
const extensions =
  /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\t \x21\x23-\x5b\x5d-\x7e]*"))?)+$/;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw malformed('chunks out of step');
}
