// A tunnel's stream arrives; HTTP/2 exchanges with the origin leave on it side by side, as many as the origin allows. The hub's HTTP/2 client.

import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

import { EdgeError } from '../edge-error.ts';
import { h2cLimits } from './limits.ts';
import { H2cPipe } from './pipe.ts';
import type { OriginStream } from '../origin-connection.ts';

/** One exchange's stream: `reset` tells the origin CANCEL. */
export type H2cStream = ClientHttp2Stream & OriginStream;

interface SessionEvents {
  /** The origin has said what it allows, or an exchange has ended: there may be room. */
  readonly onRoom: () => void;
  /** Takes no more exchanges; called once, also for a session that never stood. */
  readonly onRetired: (error: unknown) => void;
}

export class H2cSession {
  readonly #pipe: H2cPipe;
  readonly #session: ClientHttp2Session;
  readonly #events: SessionEvents;
  readonly #deadline: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout | undefined;
  #isReady = false;
  #isRetired = false;
  #begun = 0;
  readonly #running = new Set<ClientHttp2Stream>();
  /** What broke under the session: says more than what its streams are told. */
  #lineError: unknown;
  /** Of the origin's GOAWAY: streams above were not looked at. */
  #lastStreamId = Infinity;

  constructor(stream: OriginStream, events: SessionEvents) {
    this.#events = events;
    stream.once('error', (error) => (this.#lineError = error));
    this.#pipe = new H2cPipe(stream, () => this.#onOriginEnd());
    // Whatever the origin sends, it harms its own session only: node:http2 counts and bounds it.
    this.#session = connect('http://origin', {
      createConnection: () => this.#pipe,
      settings: {
        enablePush: false,
        initialWindowSize: h2cLimits.streamWindowBytes,
        maxHeaderListSize: h2cLimits.nodeHeadBytes,
      },
      maxHeaderListPairs: h2cLimits.nodeFields,
      maxSessionMemory: h2cLimits.sessionMegabytes,
      maxReservedRemoteStreams: 0,
    });
    this.#session.once('connect', () => {
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(h2cLimits.sessionWindowBytes);
    });
    this.#deadline = setTimeout(
      () => this.#fail(new EdgeError('origin.timeout', 'the origin sent no SETTINGS')),
      h2cLimits.settingsTimeoutMs,
    );
    this.#session.on('remoteSettings', () => this.#onSettings());
    this.#session.on('goaway', (_code, lastStreamId) => this.#onGoaway(lastStreamId));
    this.#session.on('error', (error) => (this.#lineError ??= error));
    this.#session.once('close', () => this.#onClosed());
  }

  /** The origin has said what it allows. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get hasServed(): boolean {
    return this.#begun > 0;
  }

  get hasRoom(): boolean {
    return this.#isReady && !this.#isRetired && this.#running.size < this.#maxStreams;
  }

  get running(): number {
    return this.#running.size;
  }

  /** An exchange has ended on it before: the origin may be closing it just now. */
  get isReused(): boolean {
    return this.#begun > this.#running.size;
  }

  /** The origin takes extended CONNECT (RFC 8441). */
  get offersWebSocket(): boolean {
    return this.#session.remoteSettings.enableConnectProtocol === true;
  }

  request(list: string[], endStream: boolean): H2cStream {
    const cancel = new AbortController();
    const stream = this.#session.request(list, { endStream, signal: cancel.signal });
    clearTimeout(this.#idleTimer);
    this.#begun += 1;
    this.#running.add(stream);
    stream.once('close', () => this.#onStreamClosed(stream));
    // `close(CANCEL)` would send END_STREAM before it, and a cut upload would look whole.
    return Object.assign(stream, { reset: () => cancel.abort() });
  }

  /** The origin has not looked at this request: it may be sent again, whatever it asks for. */
  wasRefused(stream: ClientHttp2Stream): boolean {
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return true;
    return stream.id === undefined || stream.id > this.#lastStreamId;
  }

  /** The origin had too much to do on this connection: the next one may do better (servers on Node hold 10 MB for each). */
  wasTooMuch(stream: ClientHttp2Stream): boolean {
    return stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM;
  }

  /** What a stream's error means. */
  causeOf(error: unknown, stream: ClientHttp2Stream): unknown {
    return this.#lineError === undefined
      ? streamError(error, stream.rstCode)
      : lineError(this.#lineError);
  }

  /** No more exchanges; those that run may finish. */
  retire(error?: unknown): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#idleTimer);
    this.#events.onRetired(error === undefined ? undefined : lineError(error));
    if (this.#session.destroyed) return;
    this.#session.close();
    if (this.#running.size === 0) this.#sayFarewell();
  }

  #onSettings(): void {
    clearTimeout(this.#deadline);
    this.#isReady = true;
    if (this.#running.size === 0) this.#waitIdle();
    this.#events.onRoom();
  }

  #onGoaway(lastStreamId: number): void {
    this.#lastStreamId = lastStreamId;
    this.retire();
  }

  #onStreamClosed(stream: ClientHttp2Stream): void {
    this.#running.delete(stream);
    if (this.#isRetired) {
      if (this.#running.size === 0) this.#sayFarewell();
      return;
    }
    if (this.#running.size === 0) this.#waitIdle();
    this.#events.onRoom();
  }

  /** What came whole may still be read by a slow visitor; the rest will never come. */
  #onOriginEnd(): void {
    this.retire(ended());
    for (const stream of this.#running) if (!stream.closed) stream.destroy(ended());
    if (this.#running.size === 0) this.#pipe.destroy();
  }

  #onClosed(): void {
    this.retire(this.#lineError ?? ended());
  }

  #waitIdle(): void {
    this.#idleTimer = setTimeout(() => this.retire(), h2cLimits.idleMs).unref();
  }

  /** GOAWAY and a FIN are out; an origin that answers neither would keep the tunnel's stream for ever. */
  #sayFarewell(): void {
    const deadline = setTimeout(() => this.#pipe.destroy(), h2cLimits.farewellMs).unref();
    this.#pipe.once('close', () => clearTimeout(deadline));
  }

  #fail(error: EdgeError): void {
    this.#lineError ??= error;
    this.#session.destroy(error);
  }

  get #maxStreams(): number {
    const allowed = this.#session.remoteSettings.maxConcurrentStreams ?? h2cLimits.streams;
    return Math.min(allowed, h2cLimits.streams);
  }
}

/** Codes that nghttp2 gives a stream of ours when the origin breaks a rule, and that an origin gives us when we do. */
const ruleCodes: ReadonlySet<number> = new Set([
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_FLOW_CONTROL_ERROR,
  constants.NGHTTP2_FRAME_SIZE_ERROR,
  constants.NGHTTP2_COMPRESSION_ERROR,
]);

function ended(): EdgeError {
  return new EdgeError('origin.closed', 'the origin ended the HTTP/2 connection');
}

function streamError(cause: unknown, rstCode: number): unknown {
  if (cause instanceof EdgeError) return cause;
  const options = { cause };
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
    return new EdgeError('edge.busy', 'the origin has too much to do', options);
  }
  const code = ruleCodes.has(rstCode) ? 'origin.bad-response' : 'origin.closed';
  return new EdgeError(code, `the HTTP/2 stream ended with code ${rstCode}`, options);
}

/** Errors of the tunnel pass as they are: they say whether another attempt makes sense. */
function lineError(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_HTTP2_ERROR') {
    const sentence = 'the origin does not speak HTTP/2 as the rules want it';
    return new EdgeError('origin.bad-response', sentence, { cause });
  }
  if (typeof code === 'string' && code.startsWith('ERR_HTTP2')) {
    return new EdgeError('origin.closed', 'the origin gave the HTTP/2 connection up', { cause });
  }
  return cause;
}
