// A request arrives for an origin that speaks HTTP/2; it leaves on a stream of a session, and the response comes back as the calls of any other exchange.

import { Buffer } from 'node:buffer';
import { constants, type ClientHttp2Stream } from 'node:http2';

import { responseFraming } from '../../../shared/http/body.ts';
import type { BodyFraming } from '../../../shared/http/body.ts';
import type { ResponseHead } from '../../../shared/http/head.ts';
import type { ResetReason } from '../../../shared/wire/codes.ts';
import { EdgeError } from '../edge-error.ts';
import { maxInterimBytes, maxInterimHeads } from '../exchange.ts';
import type { ExchangeListener, OriginRequest } from '../exchange.ts';
import { checked, headOf, requestList, switchHead } from './fields.ts';
import { h2cLimits } from './limits.ts';
import type { H2cSession } from './session.ts';
import type { H2cSessions, SessionSeeker } from './sessions.ts';
import { OriginConnection } from '../origin-connection.ts';
import type { ConnectionUser } from '../origin-connection.ts';
import { Upload } from '../upload.ts';
import type { Patience, UploadTarget } from '../upload.ts';
import type { FieldLines } from '../visitor.ts';

export class H2cExchange implements ConnectionUser, SessionSeeker, UploadTarget {
  readonly #sessions: H2cSessions;
  readonly #request: OriginRequest;
  readonly #listener: ExchangeListener;
  readonly #idleTimer: NodeJS.Timeout;
  readonly #slowBodyBytes: number;
  #session: H2cSession | undefined;
  #stream: ClientHttp2Stream | undefined;
  #connection: OriginConnection | undefined;
  #upload: Upload | undefined;
  #isUploaded: boolean;
  /** Of the upload; undefined once it is too much to keep, or the origin has answered. */
  #sent: Buffer[] | undefined = [];
  #sentBytes = 0;
  #attempts = 0;
  #framing: BodyFraming | undefined;
  #trailers: FieldLines | undefined;
  #receivedBytes = 0;
  #interimHeads = 0;
  #interimBytes = 0;
  #isUntouched = true;
  #isPaused = false;
  #isOver = false;

  /** Sends the request as soon as a session has room. @throws StreamError stream.refused */
  constructor(
    sessions: H2cSessions,
    request: OriginRequest,
    listener: ExchangeListener,
    { idleTimeoutMs, slowBodyBytes }: Patience,
  ) {
    this.#sessions = sessions;
    this.#slowBodyBytes = slowBodyBytes;
    this.#request = request;
    this.#listener = listener;
    this.#isUploaded = request.body === undefined;
    this.#idleTimer = setTimeout(() => this.#onIdle(idleTimeoutMs), idleTimeoutMs);
    try {
      sessions.seek(this);
    } catch (error) {
      clearTimeout(this.#idleTimer);
      throw error;
    }
  }

  /** The listener takes bytes again. */
  resume(): void {
    if (this.#isOver || !this.#isPaused) return;
    this.#isPaused = false;
    this.#idleTimer.refresh();
    this.#connection?.resume();
  }

  /** Ends the exchange without another call to the listener. */
  abort(reason: ResetReason): void {
    if (this.#isOver) return;
    this.#settle();
    this.#connection?.reset(reason);
  }

  begin(session: H2cSession): void {
    this.#attempts += 1;
    this.#session = session;
    const { protocol, body } = this.#request;
    if (protocol !== undefined && !session.offersWebSocket) {
      const sentence = 'the HTTP/2 origin offers no extended CONNECT (RFC 8441)';
      return this.#fail(new EdgeError('origin.no-websocket', sentence));
    }
    try {
      const isWhole = this.#isUploaded && protocol === undefined && this.#sentBytes === 0;
      const stream = session.request(requestList(this.#request), isWhole);
      this.#listen(stream);
      this.#connection = new OriginConnection(stream);
      this.#connection.use(this);
      // node:http2 tells of a head a turn later than of the bytes behind it.
      this.#connection.pause();
      for (const piece of this.#sent ?? []) this.#connection.write(piece);
      if (this.#isUploaded && !isWhole && protocol === undefined) this.#connection.end();
      if (this.#upload !== undefined) this.#upload.resume();
      else if (body !== undefined)
        this.#upload = new Upload(body, this, this.#slowBodyBytes, 'bare');
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  giveUp(error: unknown): void {
    this.#fail(error ?? new EdgeError('origin.closed', 'the origin takes no HTTP/2 exchanges'));
  }

  onChunk(chunk: Buffer): void {
    this.#idleTimer.refresh();
    this.#receivedBytes += chunk.length;
    if (this.#isOver || this.#listener.onBytes(chunk) || this.#isPaused) return;
    this.#isPaused = true;
    this.#connection?.pause();
  }

  onEnd(): void {
    if (this.#isWhole()) this.#complete();
    else
      this.#fail(new EdgeError('origin.closed', 'the origin ended before its response was whole'));
  }

  onClosed(error: Error | undefined): void {
    const [session, stream] = [this.#session, this.#stream];
    if (session === undefined || stream === undefined) return this.#fail(error);
    const wasRefused = session.wasRefused(stream);
    const wasTooMuch = session.wasTooMuch(stream);
    if (wasTooMuch) session.retire();
    const mayHelp = wasRefused || (this.#isHarmless() && (wasTooMuch || session.isReused));
    if (this.#isUntouched && mayHelp && this.#sendAgain()) return undefined;
    return this.#fail(
      wasRefused && this.#isUntouched
        ? new EdgeError('edge.busy', 'the origin refuses more streams', { cause: error })
        : session.causeOf(error, stream),
    );
  }

  onDrain(): void {
    this.#upload?.resume();
  }

  onProgress(): void {
    this.#idleTimer.refresh();
  }

  write(bytes: Buffer): boolean {
    this.#keep(bytes);
    return this.#connection?.write(bytes) ?? false;
  }

  onUploaded(): void {
    this.#isUploaded = true;
    this.#connection?.end();
  }

  onUploadFailed(error: EdgeError): void {
    this.#fail(error);
  }

  #listen(stream: ClientHttp2Stream): void {
    this.#stream = stream;
    const on = (event: string, read: (list: string[], flags: number) => void): void => {
      stream.on(event, (_fields: object, flags: number, list: string[]) => {
        if (this.#isOver) return;
        this.#idleTimer.refresh();
        this.#isUntouched = false;
        this.#sent = undefined;
        try {
          read(list, flags);
        } catch (error) {
          this.#fail(error);
        }
      });
    };
    on('headers', (list) => this.#interim(headOf(list)));
    on('response', (list, flags) => this.#begin(headOf(list), flags));
    on('trailers', (list) => (this.#trailers = checked(list)));
  }

  #interim({ status, fields }: ResponseHead): void {
    this.#interimHeads += 1;
    this.#interimBytes += fields.reduce((bytes, text) => bytes + text.length, 0);
    if (this.#interimHeads > maxInterimHeads || this.#interimBytes > maxInterimBytes) {
      throw new EdgeError('origin.bad-response', 'more interim responses than anybody needs');
    }
    this.#listener.onInterim(status, fields);
  }

  #begin(head: ResponseHead, flags: number): void {
    const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (this.#request.protocol !== undefined && head.status < 300 && !isWhole) {
      return this.#switch(head);
    }
    this.#framing = isWhole ? 0 : framingOf(this.#request.method, head);
    this.#listener.onHead(head, this.#framing);
    // At once: a gRPC error is a head alone, and has to stay one.
    if (isWhole) return this.#complete();
    if (!this.#isPaused) this.#connection?.resume();
    return undefined;
  }

  #switch(head: ResponseHead): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#settle();
    this.#listener.onSwitch(connection, switchHead(head, this.#request), Buffer.alloc(0));
    connection.resume();
  }

  /**
   * RST_STREAM with NO_ERROR ends a response as END_STREAM does, for browsers too: servers on Node send it in place of
   * that. What has a length is counted, so that none of these can be cut and look whole.
   */
  #isWhole(): boolean {
    if (this.#framing === undefined || this.#stream?.rstCode !== 0) return false;
    return this.#framing === 'chunked' || this.#framing === this.#receivedBytes;
  }

  #complete(): void {
    if (this.#isOver) return;
    this.#settle();
    if (!this.#isUploaded) this.#connection?.reset('cancelled');
    this.#listener.onEnd(this.#trailers, false);
  }

  #keep(bytes: Buffer): void {
    this.#sentBytes += bytes.length;
    if (this.#sentBytes > h2cLimits.replayBytes) this.#sent = undefined;
    this.#sent?.push(bytes);
  }

  /** Nobody minds if the origin has seen the request before: it closed an idle session just as we used it. */
  #isHarmless(): boolean {
    const { method, body, protocol } = this.#request;
    return body === undefined && protocol === undefined && (method === 'GET' || method === 'HEAD');
  }

  /** False: it was tried often enough, or what was sent is gone. */
  #sendAgain(): boolean {
    if (this.#attempts >= h2cLimits.attempts || this.#sent === undefined) return false;
    this.#connection = undefined;
    try {
      this.#sessions.seek(this);
      return true;
    } catch {
      return false;
    }
  }

  #onIdle(idleTimeoutMs: number): void {
    // Whoever comes next shall not wait on the same silent connection.
    this.#session?.retire();
    this.#fail(new EdgeError('origin.timeout', `no byte moved for ${idleTimeoutMs} ms`));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#settle();
    this.#connection?.reset('cancelled');
    this.#listener.onFailed(error, this.#isUntouched);
  }

  #settle(): void {
    this.#isOver = true;
    clearTimeout(this.#idleTimer);
    this.#sessions.leave(this);
    this.#connection?.use(undefined);
    this.#upload?.discard();
  }
}

/** What has no length would be chunks in HTTP/1.1, perhaps with trailers. */
function framingOf(method: string, head: ResponseHead): BodyFraming {
  const framing = responseFraming(method, head);
  return framing === 'until-close' ? 'chunked' : framing;
}
