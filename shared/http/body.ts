// Bytes behind a response head arrive; the pieces that are its body leave, uncopied, and the place where the body ends is known (RFC 9112 §6.3).

import type { Buffer } from 'node:buffer';
import { ChunkedDecoder } from './chunked.ts';
import type { FieldLines } from './field-section.ts';
import type { ResponseHead } from './head.ts';

/** How a body ends: a number is its exact length in bytes. */
export type BodyFraming = number | 'chunked' | 'until-close';

export interface BodyDecoder {
  /** Hands on the body's bytes and says how many it took; fewer than given means that the body ended there. @throws MessageError */
  push(chunk: Buffer): number;
  readonly isComplete: boolean;
  /** True when the end of the connection is a legal end of the body. */
  readonly mayEndHere: boolean;
  readonly trailers: FieldLines | undefined;
}

/** The framing of a final response. 205 has none of its own: an origin that sends a body with it gets it read. */
export function responseFraming(method: string, head: ResponseHead): BodyFraming {
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304)
    return 0;
  if (head.isChunked) return 'chunked';
  return head.contentLength ?? 'until-close';
}

export function createBodyDecoder(
  framing: BodyFraming,
  onPiece: (piece: Buffer) => void,
): BodyDecoder {
  if (framing === 'chunked') return new ChunkedDecoder(onPiece);
  if (framing === 'until-close') return new UntilCloseDecoder(onPiece);
  return new LengthDecoder(framing, onPiece);
}

class LengthDecoder implements BodyDecoder {
  readonly trailers = undefined;
  readonly #onPiece: (piece: Buffer) => void;
  #remaining: number;

  constructor(length: number, onPiece: (piece: Buffer) => void) {
    this.#remaining = length;
    this.#onPiece = onPiece;
  }

  get isComplete(): boolean {
    return this.#remaining === 0;
  }

  get mayEndHere(): boolean {
    return this.#remaining === 0;
  }

  push(chunk: Buffer): number {
    if (this.#remaining === 0) return 0;
    const piece = chunk.length > this.#remaining ? chunk.subarray(0, this.#remaining) : chunk;
    this.#remaining -= piece.length;
    this.#onPiece(piece);
    return piece.length;
  }
}

class UntilCloseDecoder implements BodyDecoder {
  readonly trailers = undefined;
  readonly isComplete = false;
  readonly mayEndHere = true;
  readonly #onPiece: (piece: Buffer) => void;

  constructor(onPiece: (piece: Buffer) => void) {
    this.#onPiece = onPiece;
  }

  push(chunk: Buffer): number {
    this.#onPiece(chunk);
    return chunk.length;
  }
}
