// A request head and body leave on a byte stream; the response comes back as calls: interim heads, head, bytes, end. The hub's HTTP/1.1 client.

import { Buffer } from 'node:buffer';
import { createBodyDecoder, responseFraming } from '../../shared/http/body.ts';
import type { BodyDecoder, BodyFraming } from '../../shared/http/body.ts';
import type { FieldLines } from '../../shared/http/field-section.ts';
import { ResponseHeadParser } from '../../shared/http/head.ts';
import type { ResponseHead } from '../../shared/http/head.ts';
import { listedNames } from '../../shared/http/hop-by-hop.ts';
import type { ResetReason } from '../../shared/wire/codes.ts';
import { EdgeError } from './edge-error.ts';
import type { ConnectionUser, OriginConnection } from './origin-connection.ts';
import { Upload } from './upload.ts';
import type { Patience, RequestBody, UploadTarget } from './upload.ts';

/** A request ready for the wire. The head's framing fields agree with `body`. */
export interface OriginRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: FieldLines;
  /** The three above as HTTP/1.1 writes them. */
  readonly head: Buffer;
  readonly body: RequestBody | undefined;
  /** The protocol that the head asks to switch to. */
  readonly protocol: string | undefined;
}

/** Called in the order of the message. `onEnd`, `onSwitch` and `onFailed` are each the last call. */
export interface ExchangeListener {
  onInterim(status: number, fields: FieldLines): void;
  onHead(head: ResponseHead, framing: BodyFraming): void;
  /** False: nothing more comes until `resume`, but for the rest of the chunk just read (64 KiB at most). */
  onBytes(piece: Buffer): boolean;
  /** The response is whole. A reusable connection belongs to the listener; any other is gone. */
  onEnd(trailers: FieldLines | undefined, isReusable: boolean): void;
  /** The origin switched protocols: the connection belongs to the listener, with the first bytes of the new protocol. */
  onSwitch(connection: OriginConnection, head: ResponseHead, firstBytes: Buffer): void;
  /** The connection is gone. `isUntouched`: no byte of a response had arrived. */
  onFailed(error: unknown, isUntouched: boolean): void;
}

/** 102 may come every few seconds for as long as the idle time; more than this is no longer progress. */
export const maxInterimHeads = 100;
/** Of all interim heads together, as much as one head may have: they leave whether the visitor reads or not. */
export const maxInterimBytes = 65_536;

/** Smaller pieces of one chunk leave together: written alone, a body in chunks of one byte takes 200 times its size. */
const gatheredBytes = 4096;

export class Exchange implements ConnectionUser, UploadTarget {
  readonly #connection: OriginConnection;
  readonly #request: OriginRequest;
  readonly #listener: ExchangeListener;
  readonly #idleTimer: NodeJS.Timeout;
  #upload: Upload | undefined;
  #isUploaded = true;
  #parser = new ResponseHeadParser();
  #head: ResponseHead | undefined;
  #body: BodyDecoder | undefined;
  #interimHeads = 0;
  #interimBytes = 0;
  #gathered: Buffer[] = [];
  #isUntouched = true;
  #isPaused = false;
  #isOver = false;

  /** Sends the request at once. */
  constructor(
    connection: OriginConnection,
    request: OriginRequest,
    listener: ExchangeListener,
    { idleTimeoutMs, slowBodyBytes }: Patience,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#listener = listener;
    this.#idleTimer = setTimeout(
      () => this.#fail(new EdgeError('origin.timeout', `no byte moved for ${idleTimeoutMs} ms`)),
      idleTimeoutMs,
    );
    connection.use(this);
    connection.write(request.head);
    if (request.body !== undefined) {
      this.#isUploaded = false;
      this.#upload = new Upload(request.body, this, slowBodyBytes);
    }
  }

  /** The listener takes bytes again. */
  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#idleTimer.refresh();
    this.#connection.resume();
  }

  /** Ends the exchange without another call to the listener. */
  abort(reason: ResetReason): void {
    if (this.#isOver) return;
    this.#settle();
    this.#connection.reset(reason);
  }

  onChunk(chunk: Buffer): void {
    this.#idleTimer.refresh();
    this.#isUntouched = false;
    try {
      const rest = this.#body === undefined ? this.#readHeads(chunk) : chunk;
      if (rest !== undefined && !this.#isOver) this.#readBody(rest);
    } catch (error) {
      this.#fail(error);
    }
  }

  onEnd(): void {
    if (this.#body?.mayEndHere === true) this.#complete(false);
    else
      this.#fail(new EdgeError('origin.closed', 'the origin ended before its response was whole'));
  }

  onClosed(error: Error | undefined): void {
    this.#fail(
      error ?? new EdgeError('origin.closed', 'the stream closed before the response was whole'),
    );
  }

  onDrain(): void {
    this.#upload?.resume();
  }

  write(bytes: Buffer): boolean {
    return this.#connection.write(bytes);
  }

  onProgress(): void {
    this.#idleTimer.refresh();
  }

  onUploaded(): void {
    this.#isUploaded = true;
  }

  onUploadFailed(error: EdgeError): void {
    this.#fail(error);
  }

  /** Reads heads until the final one; what is behind it belongs to the body. */
  #readHeads(chunk: Buffer): Buffer | undefined {
    let rest = chunk;
    while (rest.length > 0 && !this.#isOver) {
      const head = this.#parser.push(rest);
      if (head === undefined) return undefined;
      rest = rest.subarray(this.#parser.consumed);
      if (head.status === 101) {
        this.#switch(head, rest);
      } else if (head.status < 200) {
        this.#interim(head);
      } else {
        this.#begin(head);
        return rest;
      }
    }
    return undefined;
  }

  #interim(head: ResponseHead): void {
    if (++this.#interimHeads > maxInterimHeads) {
      throw new EdgeError('origin.bad-response', `more than ${maxInterimHeads} interim responses`);
    }
    this.#interimBytes += head.fields.reduce((bytes, text) => bytes + text.length, 0);
    if (this.#interimBytes > maxInterimBytes) {
      throw new EdgeError('origin.too-large', `interim responses over ${maxInterimBytes} bytes`);
    }
    this.#parser = new ResponseHeadParser();
    this.#listener.onInterim(head.status, head.fields);
  }

  #begin(head: ResponseHead): void {
    this.#head = head;
    const framing = responseFraming(this.#request.method, head);
    this.#body = createBodyDecoder(framing, (piece) => this.#gather(piece));
    this.#listener.onHead(head, framing);
  }

  #readBody(bytes: Buffer): void {
    const body = this.#body as BodyDecoder;
    const taken = this.#decode(body, bytes);
    if (!body.isComplete || this.#isOver) return;
    // Bytes behind the end would be read as the answer to somebody else's request.
    this.#complete(this.#head?.isPersistent === true && this.#isUploaded && taken === bytes.length);
  }

  /** What came before the bytes that broke a rule belongs to the visitor. */
  #decode(body: BodyDecoder, bytes: Buffer): number {
    try {
      return body.push(bytes);
    } finally {
      this.#deliverGathered();
    }
  }

  #gather(piece: Buffer): void {
    // Behind a head that came alone: no byte, and to be taken for none.
    if (piece.length === 0) return;
    if (piece.length < gatheredBytes) {
      this.#gathered.push(piece);
      return;
    }
    this.#deliverGathered();
    this.#deliver(piece);
  }

  #deliverGathered(): void {
    const [first, ...more] = this.#gathered;
    if (first === undefined) return;
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#deliver(more.length === 0 ? first : Buffer.concat(pieces));
  }

  #deliver(piece: Buffer): void {
    if (this.#isOver || this.#listener.onBytes(piece) || this.#isPaused) return;
    this.#isPaused = true;
    this.#connection.pause();
  }

  #complete(isReusable: boolean): void {
    this.#settle();
    // Whether a declined upgrade ends the request is read differently by different servers (CVE-2026-58055, nghttpx): nothing
    // follows one on its connection.
    const isPlain = this.#request.protocol === undefined;
    if (isReusable && isPlain && this.#connection.isUsable) {
      if (this.#isPaused) this.#connection.resume();
      this.#listener.onEnd(this.#body?.trailers, true);
      return;
    }
    this.#connection.reset('cancelled');
    this.#listener.onEnd(this.#body?.trailers, false);
  }

  #switch(head: ResponseHead, firstBytes: Buffer): void {
    const { protocol } = this.#request;
    if (protocol === undefined || !listedNames(head.fields, 'upgrade').has(protocol)) {
      throw new EdgeError(
        'origin.bad-response',
        'the origin switched to a protocol nobody asked for',
      );
    }
    this.#settle();
    this.#listener.onSwitch(this.#connection, head, firstBytes);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#settle();
    this.#connection.reset('cancelled');
    this.#listener.onFailed(error, this.#isUntouched);
  }

  #settle(): void {
    this.#isOver = true;
    clearTimeout(this.#idleTimer);
    this.#connection.use(undefined);
    this.#upload?.discard();
  }
}
