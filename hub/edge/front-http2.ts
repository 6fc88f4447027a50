// A decrypted connection that speaks HTTP/2 arrives; each of its streams leaves for the hub's own pages, a tunnel or a refusal.

import { randomUUIDv7 } from 'node:crypto';
import {
  constants,
  createServer,
  performServerHandshake,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';

import { answerAbusePage } from './abuse-page.ts';
import type { VisitorConnection } from './connection.ts';
import { answerFailure } from './failure.ts';
import { forward } from './forward.ts';
import { lastCallMs, type FrontOptions, type Sender } from './front-options.ts';
import { Http2Response } from './http2-response.ts';
import type { EdgeLimits } from './limits.ts';
import { normalizeHttp2, type NormalRequest } from './normalize.ts';
import type { Routing } from './routing.ts';
import { forwardUpgrade } from './upgrade.ts';
import { http2Upgrade } from './visitor-upgrade.ts';

export class Http2Front {
  readonly #options: FrontOptions;
  readonly #routing: Routing;
  readonly #ofVisitors: ServerOptions;
  readonly #ofProxies: ServerOptions;
  /** Never listens and has no sessions: turns streams into the messages that the hub's pages expect. */
  readonly #hubServer: Http2Server;
  /** Of streams that are on their way to the hub's pages. */
  readonly #senders = new WeakMap<ServerHttp2Stream, Sender>();
  readonly #visitors = new Set<Visitor>();
  readonly #watch: NodeJS.Timeout;
  #isDraining = false;
  #deadlines: NodeJS.Timeout[] = [];

  constructor(options: FrontOptions, routing: Routing) {
    this.#options = options;
    this.#routing = routing;
    this.#ofVisitors = sessionOptions(options.limits);
    this.#ofProxies = sharedSessionOptions(options.limits);
    this.#hubServer = createServer();
    this.#hubServer.on('request', (request, response) => {
      const sender = this.#senders.get(request.stream);
      if (sender !== undefined) options.hub.onRequest(request, response, sender);
    });
    // Three looks per ping: an answer is overdue after a third of the interval.
    this.#watch = setInterval(() => this.#lookAfterIdle(), options.limits.h2PingMs / 3).unref();
  }

  accept(socket: Socket, connection: VisitorConnection): void {
    const chosen = connection.isPlain ? this.#ofProxies : this.#ofVisitors;
    const session = performServerHandshake(socket, chosen);
    const visitor = new Visitor(session, connection, socket);
    this.#visitors.add(visitor);
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.errno === tooManyContinuations) connection.speakPlainly();
    });
    session.once('close', () => this.#visitors.delete(visitor));
    const { h2SessionWindowBytes } = this.#options.limits;
    session.setLocalWindowSize(h2SessionWindowBytes * (connection.isPlain ? shared.windows : 1));
    session.on('stream', (stream, headers, flags, rawHeaders) => {
      this.#onStream(visitor, { stream, headers, flags, rawHeaders });
    });
  }

  /**
   * Sessions end with the streams that run. Idle ones are kept for a last call, those that have asked nothing yet for the time
   * that a head may take: their first request is on its way.
   */
  drain(): void {
    this.#isDraining = true;
    for (const visitor of this.#visitors) if (visitor.streams.size > 0) visitor.sayGoodbye();
    const closeIdle = (alsoSilent: boolean): void => {
      for (const { streams, hasAsked, session } of this.#visitors)
        if (streams.size === 0 && (hasAsked || alsoSilent)) session.close();
    };
    const { headTimeoutMs } = this.#options.limits;
    this.#deadlines = [
      setTimeout(closeIdle, Math.min(lastCallMs, headTimeoutMs), false),
      setTimeout(closeIdle, headTimeoutMs, true),
    ];
  }

  /**
   * Resets what still runs. Not every client takes a connection that is lost behind a goodbye for a loss: to node:http2 an
   * answer without a length is then whole.
   */
  cut(): void {
    for (const { streams } of this.#visitors)
      for (const stream of streams) stream.destroy(new Error('the time to drain is over'));
  }

  stop(): void {
    clearInterval(this.#watch);
    for (const deadline of this.#deadlines) clearTimeout(deadline);
  }

  #onStream(visitor: Visitor, asked: AskedStream): void {
    const { stream } = asked;
    stream.on('error', ignore);
    // Reset before we saw it: a handler for it would be work that the visitor does not wait for. After RST_STREAM with NO_ERROR
    // Node keeps the stream until somebody reads it.
    if (stream.closed) stream.destroy();
    if (stream.destroyed) return;
    visitor.streams.add(stream);
    visitor.hasAsked = true;
    if (this.#isDraining) visitor.sayGoodbye();
    stream.once('close', () => visitor.onStreamClosed(stream));
    if (visitor.isHasty) setImmediate(() => this.#meet(visitor, asked));
    else this.#meet(visitor, asked);
  }

  #meet(visitor: Visitor, asked: AskedStream): void {
    const { stream, rawHeaders } = asked;
    if (stream.closed) stream.destroy();
    if (stream.destroyed) return undefined;
    const { isPlain } = visitor.connection;
    const { limits } = this.#options;
    const normal = normalizeHttp2(rawHeaders, stream.endAfterHeaders, limits, isPlain);
    if (!('refusal' in normal)) return this.#serve(visitor, asked, normal);
    const { refusal, method, wantsPage, hasFullJar } = normal;
    const ownFields = this.#routing.unreadFields(visitor.connection);
    const request = { id: randomUUIDv7(), hostname: '', wantsPage, method, ownFields };
    const response = new Http2Response(stream, this.#options.limits.idleBodyMs);
    return answerFailure(response, request, refusal, { hasFullJar });
  }

  #serve(visitor: Visitor, asked: AskedStream, normal: NormalRequest): void {
    const { stream, headers, flags, rawHeaders } = asked;
    const { idleBodyMs } = this.#options.limits;
    const route = this.#routing.enter(normal, visitor.connection);
    if (route === 'hub' && !normal.isWebSocket) {
      // Our own pages are short. Not stream.setTimeout, which Node arms again on streams that are closing.
      const patience = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), idleBodyMs);
      const keepOpen = (): void => clearTimeout(patience);
      stream.once('close', keepOpen);
      const address = this.#routing.addressOf(normal, visitor.connection);
      this.#senders.set(stream, { address, peer: visitor.connection.peer, keepOpen });
      return void this.#hubServer.emit('stream', stream, headers, flags, rawHeaders);
    }
    const request = this.#routing.request(normal, visitor.connection, stream, route);
    const response = new Http2Response(stream, idleBodyMs);
    if (route === 'hub') return answerFailure(response, request, 'edge.bad-request');
    if ('page' in route) return answerAbusePage(response, request, this.#options.abuse);
    if ('code' in route) {
      answerFailure(response, request, route.code, route.detail);
      // Made for this very name, yet not fit for it any more: the visitor would only come back on it.
      if (route.code === 'edge.misdirected' && normal.hostname === visitor.connection.serverName)
        visitor.sayGoodbye();
      return undefined;
    }
    response.onClosed = () => this.#routing.leave(route);
    const { forwarding } = this.#options;
    if (normal.isWebSocket)
      return forwardUpgrade(request, http2Upgrade(stream, response), route.tunnel, forwarding);
    if (normal.expectsContinue) stream.additionalHeaders({ ':status': 100 });
    // A dropped body must still be read, or its window blocks the connection's other uploads.
    if (!normal.hasBody) stream.resume();
    return forward(request, response, route.tunnel, forwarding);
  }

  /** Sessions with streams have the deadlines of their exchanges, once they hear what their peer does. */
  #lookAfterIdle(): void {
    const { h2PingMs, h2IdleMs, headTimeoutMs } = this.#options.limits;
    const now = performance.now();
    for (const visitor of this.#visitors) {
      if (visitor.session.destroyed) {
        visitor.bury();
        continue;
      }
      if (visitor.streams.size > 0) {
        visitor.listenAgain();
        continue;
      }
      const idleMs = now - visitor.idleSince;
      // Closed a look ago and still there: it is in the middle of a head that does not end.
      if (visitor.isPinged || visitor.session.closed) visitor.session.destroy();
      else if (idleMs >= (visitor.hasAsked ? h2IdleMs : headTimeoutMs)) visitor.session.close();
      else if (now - visitor.pingedAt >= h2PingMs) visitor.ping(now);
    }
  }
}

/** What node:http2 says of a new stream. */
interface AskedStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  readonly rawHeaders: string[];
}

class Visitor {
  readonly session: ServerHttp2Session;
  readonly connection: VisitorConnection;
  readonly #socket: Socket;
  /** Those that run. */
  readonly streams = new Set<ServerHttp2Stream>();
  hasAsked = false;
  idleSince = performance.now();
  pingedAt = performance.now();
  #abandoned = 0;
  #isLeaving = false;
  #isBuried = false;
  /** A ping is unanswered. */
  isPinged = false;

  constructor(session: ServerHttp2Session, connection: VisitorConnection, socket: Socket) {
    this.session = session;
    this.connection = connection;
    this.#socket = socket;
  }

  /**
   * It has given up requests, and may be giving up the next one in the very bytes that ask for it (rapid reset, CVE-2023-44487):
   * Node tells of a request before it has read what follows it. A proxy's are those of many visitors.
   */
  get isHasty(): boolean {
    return this.#abandoned >= patientFor && !this.connection.isPlain;
  }

  onStreamClosed(stream: ServerHttp2Stream): void {
    const { rstCode } = stream;
    if (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR) this.#abandoned += 1;
    this.streams.delete(stream);
    this.idleSince = performance.now();
    if (this.#isLeaving && this.streams.size === 0) this.session.close();
  }

  /**
   * GOAWAY in two steps (RFC 9113 §6.8), to be said while a stream runs: the first stops new requests and takes those that cross
   * it on the way, the second names the last that was taken. It follows with the last stream, since nghttp2 takes nothing any
   * more when none runs; whatever comes later is known to be unanswered, and can be asked again elsewhere.
   */
  sayGoodbye(): void {
    if (this.#isLeaving || this.session.destroyed || this.session.closed) return;
    this.#isLeaving = true;
    this.session.goaway(constants.NGHTTP2_NO_ERROR, maxStreamId);
  }

  /**
   * node:http2 reads nothing while a write waits, and when the peer resets the connection just then it never reads again: no
   * event, a stream and a socket for ever (nodejs/node#42710). Reading one piece more tells it; a living session stops again
   * by itself. There is no public way: TLSSocket takes itself to be reading.
   */
  listenAgain(): void {
    const { _handle: handle } = this.#socket as { _handle?: { readStart(): number } | null };
    handle?.readStart();
  }

  /**
   * A session that has gone ends its connection only behind what waits to be written, and for a peer that reads nothing
   * that is never: whoever reads has the time between two looks for it.
   */
  bury(): void {
    if (this.#isBuried) this.#socket.destroy();
    this.#isBuried = true;
  }

  ping(now: number): void {
    if (this.session.destroyed || this.session.closed) return;
    this.pingedAt = now;
    this.isPinged = this.session.ping(() => {
      this.isPinged = false;
    });
  }
}

const maxStreamId = 2 ** 31 - 1;

/** Players that seek give up a request now and then; a turn of the event loop more is nothing to them, and not everybody's affair. */
const patientFor = 8;

/** What arrives in as many frames as nghttp2 takes, uncompressed. */
const fullJarBytes = 256 * 1024;

/**
 * nghttp2 takes a head in nine frames of 16 KiB at most and ends the session over a longer one, without an answer. Attackers
 * send such heads, and browsers whose jar another site of the domain has filled with cookies (security row A-20).
 */
const tooManyContinuations = -905;

function sessionOptions(limits: EdgeLimits): ServerOptions {
  return {
    maxSessionMemory: limits.h2SessionMegabytes,
    streamResetBurst: limits.h2ResetBurst,
    streamResetRate: limits.h2ResetsPerSecond,
    // Cookies come in crumbs, one pair each; what is too many is decided, and answered with 431, in normalize.ts.
    maxHeaderListPairs: 4 * limits.fields,
    // A repeated single-value field of the origin is the origin's affair: HTTP/1.1 visitors get it too.
    strictSingleValueFields: false,
    settings: {
      maxConcurrentStreams: limits.h2Streams,
      initialWindowSize: limits.h2StreamWindowBytes,
      // RFC 9113 §6.5.2 counts 32 bytes more for each field. Above this the stream is reset instead of answered, and whoever has
      // a jar that a tenant filled (40 cookies of 3.8 kB, security row A-20) would never be told to empty it. nghttp2 ends the
      // connection after eight CONTINUATION frames, 144 KiB of compressed fields.
      maxHeaderListSize: Math.max(limits.headBytes * 2, fullJarBytes),
      // RFC 8441: browsers send their WebSockets over the connection they have.
      enableConnectProtocol: true,
      enablePush: false,
    },
  };
}

/**
 * A proxy that speaks HTTP/2 to the plain door puts all of its visitors into one session. What is meant for one of them would
 * end the films of all; each of them by himself is limited by Admission, by his address.
 */
const shared = {
  /** More visitors than this do not leave all at once. */
  resets: 100,
  /** As many streams as busy visitors have together, and what they may hold in memory: 1,000 streams, 100 MB. */
  streams: 10,
  /** Uploads side by side at full speed; more share them. */
  windows: 8,
};

/** Uncompressed: eight frames of 16 KiB, so that what a proxy holds to be small enough fits into nghttp2's nine, compressed or not. */
const proxyHeadBytes = 128 * 1024;

function sharedSessionOptions(limits: EdgeLimits): ServerOptions {
  const ofOne = sessionOptions(limits);
  return {
    ...ofOne,
    maxSessionMemory: limits.h2SessionMegabytes * shared.streams,
    streamResetBurst: limits.h2ResetBurst * shared.resets,
    streamResetRate: limits.h2ResetsPerSecond * shared.resets,
    settings: {
      ...ofOne.settings,
      maxConcurrentStreams: limits.h2Streams * shared.streams,
      maxHeaderListSize: proxyHeadBytes,
    },
  };
}

function ignore(): void {}
