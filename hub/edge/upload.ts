// The body of a visitor's request arrives; its bytes leave towards the origin, counted or chunked, no faster than the origin takes them.

import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { encodeChunk, lastChunk } from '../../shared/http/chunked.ts';
import { EdgeError } from './edge-error.ts';

export interface RequestBody {
  readonly stream: Readable;
  /** In bytes; undefined makes the body chunked. */
  readonly length: number | undefined;
}

export interface UploadTarget {
  /** False: the upload waits for `resume`. */
  write(bytes: Buffer): boolean;
  onUploaded(): void;
  onUploadFailed(error: EdgeError): void;
}

export class Upload {
  readonly #body: RequestBody;
  readonly #target: UploadTarget;
  #sent = 0;
  /** A length that is not known is told by chunks, unless the target has another way to tell the end. */
  readonly #isChunked: boolean;
  #isOver = false;

  constructor(body: RequestBody, target: UploadTarget, encoding: 'chunked' | 'bare' = 'chunked') {
    this.#body = body;
    this.#target = target;
    this.#isChunked = encoding === 'chunked' && body.length === undefined;
    body.stream.on('data', this.#onChunk);
    body.stream.on('end', this.#onEnd);
    body.stream.on('error', this.#onBroken);
    body.stream.on('close', this.#onBroken);
  }

  resume(): void {
    this.#body.stream.resume();
  }

  /** Sends no more. What the visitor still sends is read and dropped: many read the answer only when they have sent everything. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body.stream.resume();
  }

  // The listeners stay for the life of the body: without one, an 'error' of the visitor's connection would end the process.
  readonly #onChunk = (chunk: Buffer) => {
    if (this.#isOver || chunk.length === 0) return;
    this.#sent += chunk.length;
    const { length, stream } = this.#body;
    if (length !== undefined && this.#sent > length) {
      this.#fail('the body is longer than its Content-Length');
    } else if (!this.#target.write(this.#isChunked ? encodeChunk(chunk) : chunk)) {
      stream.pause();
    }
  };

  readonly #onEnd = () => {
    if (this.#isOver) return;
    if (this.#sent < (this.#body.length ?? 0)) {
      this.#fail('the body is shorter than its Content-Length');
      return;
    }
    if (this.#isChunked) this.#target.write(lastChunk);
    this.#isOver = true;
    this.#target.onUploaded();
  };

  readonly #onBroken = () => this.#fail('the upload broke off');

  #fail(what: string): void {
    if (this.#isOver) return;
    this.discard();
    this.#target.onUploadFailed(new EdgeError('edge.bad-request', what));
  }
}
