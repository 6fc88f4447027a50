// An answer arrives as calls; HTTP/1.1 leaves on a raw connection that is closed behind it. For upgrades that come to nothing.

import type { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { encodeChunk, lastChunk } from '../../shared/http/chunked.ts';
import { encodeResponseHead } from '../../shared/http/head.ts';
import { PieceWriter } from './piece-writer.ts';
import type { FieldLines, VisitorResponse } from './visitor.ts';

/** A slow phone reads an answer of a few KiB in this time. */
const lingerMs = 5000;

/** Answers on the connection of an upgrade request, whose HTTP server has let go of it. Only GET gets here. */
export class SocketResponse implements VisitorResponse {
  readonly #socket: Duplex;
  readonly #pieces: PieceWriter;
  #isChunked = false;
  #isOver = false;

  isHeadSent = false;
  onDrain: () => void = () => undefined;
  onAborted: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#pieces = new PieceWriter(socket, () => this.onDrain());
    socket.on('drain', () => this.onDrain());
    // What is wrong with a visitor's connection does not matter; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#isOver) return;
      this.#isOver = true;
      this.onAborted();
    });
  }

  information(status: number, fields: FieldLines): void {
    this.#socket.write(encodeResponseHead(status, STATUS_CODES[status] ?? '', fields));
  }

  head(status: number, fields: FieldLines): void {
    const framing = ['connection', 'close'];
    this.#isChunked = status !== 204 && status !== 304 && !hasLength(fields);
    if (this.#isChunked) framing.push('transfer-encoding', 'chunked');
    this.isHeadSent = true;
    this.#socket.write(
      encodeResponseHead(status, STATUS_CODES[status] ?? '', [...fields, ...framing]),
    );
  }

  write(chunk: Buffer): boolean {
    if (chunk.length === 0) return true;
    return this.#pieces.write(this.#isChunked ? encodeChunk(chunk) : chunk);
  }

  end(): void {
    this.#isOver = true;
    if (this.#isChunked) this.#socket.write(lastChunk);
    this.#socket.end();
    // Read on, so that the answer is not lost to a reset (RFC 9112 §9.6), but not for ever.
    this.#socket.resume();
    const lingering = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.once('close', () => clearTimeout(lingering));
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** The connection is no longer HTTP: its events are somebody else's. */
  release(): void {
    this.#isOver = true;
    this.onDrain = () => undefined;
  }
}

function hasLength(fields: FieldLines): boolean {
  return fields.some((field, i) => i % 2 === 0 && field === 'content-length');
}
