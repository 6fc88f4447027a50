// The answer for a visitor arrives as calls; HTTP/1.x leaves through node:http, which keeps pipelined answers in order.

import type { Buffer } from 'node:buffer';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { encodeResponseHead } from '../../shared/http/head.ts';
import { PieceWriter } from './piece-writer.ts';
import type { FieldLines, VisitorResponse } from './visitor.ts';

export class Http1Response implements VisitorResponse {
  readonly #writer: ServerResponse;
  readonly #pieces: PieceWriter;
  #isFlushed = false;
  #isClosed = false;

  isHeadSent = false;
  /** Nothing more will be written. */
  isOver = false;
  onDrain: () => void = nothing;
  onAborted: () => void = nothing;
  /** The exchange is over, however it ended. Called once. */
  onClosed: () => void = nothing;

  constructor(writer: ServerResponse) {
    this.#writer = writer;
    this.#pieces = new PieceWriter(writer, () => this.onDrain());
    writer.on('drain', () => this.onDrain());
    // 'close' follows, and says all that matters.
    writer.on('error', nothing);
  }

  information(status: number, fields: FieldLines): void {
    if (this.isHeadSent || this.#isClosed) return;
    if (this.#writer.socket !== null) this.#writer.writeInformation(status, fields);
    else this.#hold(encodeResponseHead(status, STATUS_CODES[status] ?? '', fields));
  }

  /** 100 Continue, which is ours to say. Once the answer is there nobody waits for it. */
  goAhead(): void {
    const writer = this.#writer;
    if (writer.socket !== null) writer.writeContinue();
    // The writer is asked: the hub's own pages answer on it past us.
    else writer.once('socket', () => writer.headersSent || writer.writeContinue());
  }

  head(status: number, fields: FieldLines): void {
    this.isHeadSent = true;
    // A flat array keeps order and duplicates. node:http adds Date if there is none, and chunked if there is no length.
    this.#writer.writeHead(status, fields as string[]);
    // With the first bytes of the body in one record if they are there, alone if they are not.
    process.nextTick(flushHead, this);
  }

  write(chunk: Buffer): boolean {
    this.#isFlushed = true;
    return this.#pieces.write(chunk);
  }

  end(trailers?: FieldLines): void {
    this.#isFlushed = true;
    this.isOver = true;
    if (trailers !== undefined) this.#writer.addTrailers(pairs(trailers));
    this.#writer.end();
  }

  destroy(): void {
    this.isOver = true;
    const writer = this.#writer;
    if (writer.socket !== null) writer.destroy();
    // Of a pipelined answer whose turn has not come node:http forgets that it was destroyed, and would send what there is of it.
    else writer.once('socket', (socket: Socket) => socket.destroy());
  }

  /** This is the connection's last answer. Its head says so, if it has not gone out yet. */
  closeAfter(): void {
    this.#writer.shouldKeepAlive = false;
  }

  /** The front says so when nothing more can reach the visitor. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.isOver || !this.#writer.writableFinished) this.onAborted();
    this.onClosed();
  }

  /** Of a pipelined answer whose turn has not come node:http queues the final head in front of interim ones. */
  #hold(interim: Buffer): void {
    this.#writer.once('socket', (socket: Socket) => socket.write(interim));
  }

  flush(): void {
    if (this.#isFlushed || this.#isClosed) return;
    this.#isFlushed = true;
    this.#writer.flushHeaders();
  }
}

function flushHead(response: Http1Response): void {
  response.flush();
}

function pairs(fields: FieldLines): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2)
    result.push([fields[at] ?? '', fields[at + 1] ?? '']);
  return result;
}

function nothing(): void {}
