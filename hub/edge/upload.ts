// The body of a visitor's request arrives; its bytes leave towards the origin, counted or chunked, no faster than the origin takes them.

import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { Meter } from '../usage/meter.ts';
import { encodeChunk, lastChunk } from '../../shared/http/chunked.ts';
import { EdgeError } from './edge-error.ts';

export interface RequestBody {
  readonly stream: Readable;
  /** In bytes; undefined makes the body chunked. */
  readonly length: number | undefined;
  readonly meter?: Meter | undefined;
}

/** How long an exchange may take for how little. */
export interface Patience {
  /** While no byte moves. There is no total. */
  readonly idleTimeoutMs: number;
  /** What a body of known length has to bring within that time; a body that ends sooner has brought enough. */
  readonly slowBodyBytes: number;
}

export interface UploadTarget {
  /** False: the upload waits for `resume`. */
  write(bytes: Buffer): boolean;
  /** It has come on far enough to be given time for more. */
  onProgress(): void;
  onUploaded(): void;
  onUploadFailed(error: EdgeError): void;
}

export class Upload {
  readonly #body: RequestBody;
  readonly #target: UploadTarget;
  #sent = 0;
  /** Since its last progress. */
  #brought = 0;
  readonly #slowBytes: number;
  #isPaused = false;
  /** A length that is not known is told by chunks, unless the target has another way to tell the end. */
  readonly #isChunked: boolean;
  #isOver = false;

  constructor(
    body: RequestBody,
    target: UploadTarget,
    slowBytes: number,
    encoding: 'chunked' | 'bare' = 'chunked',
  ) {
    this.#body = body;
    this.#target = target;
    // Without a length it may be a conversation (gRPC), in which a byte is a word.
    this.#slowBytes = body.length === undefined ? 0 : slowBytes;
    this.#isChunked = encoding === 'chunked' && body.length === undefined;
    if (body.meter !== undefined) {
      body.meter.isUploading = true;
      body.meter.onUpRoom = () => this.#roomAgain();
    }
    body.stream.on('data', this.#onChunk);
    body.stream.on('end', this.#onEnd);
    body.stream.on('error', this.#onBroken);
    body.stream.on('close', this.#onBroken);
  }

  /** The target takes bytes again, if it did not. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.#isOver) this.#target.onProgress();
    const { meter, stream } = this.#body;
    if (meter !== undefined) meter.isWayFull = false;
    if (meter?.isUpHeld !== true) stream.resume();
  }

  /** Sends no more. What the visitor still sends is read and dropped: many read the answer only when they have sent everything. */
  discard(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle();
    this.#body.stream.resume();
  }

  // The listeners stay for the life of the body: without one, an 'error' of the visitor's connection would end the process.
  readonly #onChunk = (chunk: Buffer) => {
    if (this.#isOver || chunk.length === 0) return;
    this.#sent += chunk.length;
    const { length, stream } = this.#body;
    if (length !== undefined && this.#sent > length) {
      this.#fail('the body is longer than its Content-Length');
      return;
    }
    this.#progress(chunk.length);
    const { meter } = this.#body;
    const isInTime = meter === undefined || meter.up(chunk.length);
    this.#isPaused = !this.#target.write(this.#isChunked ? encodeChunk(chunk) : chunk);
    if (meter !== undefined) meter.isWayFull = this.#isPaused;
    if (this.#isPaused || !isInTime) stream.pause();
  };

  /** The rate lets more pass. */
  #roomAgain(): void {
    if (!this.#isOver) this.#target.onProgress();
    if (!this.#isPaused) this.#body.stream.resume();
  }

  /** A byte now and then, or one in nine minutes, would hold a place for ever. */
  #progress(bytes: number): void {
    this.#brought += bytes;
    if (this.#brought < this.#slowBytes) return;
    this.#brought = 0;
    this.#target.onProgress();
  }

  readonly #onEnd = () => {
    if (this.#isOver) return;
    if (this.#sent < (this.#body.length ?? 0)) {
      this.#fail('the body is shorter than its Content-Length');
      return;
    }
    if (this.#isChunked) this.#target.write(lastChunk);
    this.#isOver = true;
    this.#settle();
    this.#target.onProgress();
    this.#target.onUploaded();
  };

  #settle(): void {
    const { meter } = this.#body;
    if (meter === undefined) return;
    meter.isUploading = false;
    meter.isWayFull = false;
  }

  readonly #onBroken = () => this.#fail('the upload broke off');

  #fail(what: string): void {
    if (this.#isOver) return;
    this.discard();
    this.#target.onUploadFailed(new EdgeError('edge.bad-request', what));
  }
}
