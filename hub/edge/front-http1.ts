// A decrypted connection that speaks HTTP/1.x arrives; each of its requests leaves for the hub's own pages, a tunnel or a refusal.

import { randomUUIDv7 } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { answerAbusePage } from './abuse-page.ts';
import type { VisitorConnection } from './connection.ts';
import { answerFailure, type EdgeFailureCode, type FailureDetail } from './failure.ts';
import { forward } from './forward.ts';
import { lastCallMs, type FrontOptions } from './front-options.ts';
import { Http1Response } from './http1-response.ts';
import { normalizeHttp1, type Refusal } from './normalize.ts';
import { failureOfParser, headTimedOut, type ParserError } from './parser-error.ts';
import { Pipeline } from './pipeline.ts';
import type { Routing } from './routing.ts';
import { SocketResponse } from './socket-response.ts';
import type { FieldLines } from './visitor.ts';
import { forwardUpgrade } from './upgrade.ts';
import { http1Upgrade } from './visitor-upgrade.ts';

export class Http1Front {
  readonly #options: FrontOptions;
  readonly #routing: Routing;
  readonly #server: Server;
  readonly #visitors = new Map<Duplex, Visitor>();
  #isDraining = false;
  #lastCall: NodeJS.Timeout | undefined;

  constructor(options: FrontOptions, routing: Routing) {
    this.#options = options;
    this.#routing = routing;
    this.#server = createFedServer(options);
    this.#server.on('request', this.#onRequest);
    // With these two, node:http leaves Expect to us; normalize.ts decides.
    this.#server.on('checkContinue', this.#onRequest);
    this.#server.on('checkExpectation', this.#onRequest);
    this.#server.on('upgrade', this.#onUpgrade);
    this.#server.on('connect', this.#onConnect);
    this.#server.on('clientError', this.#onClientError);
  }

  accept(socket: Socket, connection: VisitorConnection): void {
    const visitor: Visitor = {
      connection,
      responses: new Set(),
      pipeline: new Pipeline(socket),
      hasAsked: false,
      isUpgraded: false,
      isLingering: false,
    };
    this.#visitors.set(socket, visitor);
    socket.once('close', () => {
      this.#visitors.delete(socket);
      visitor.pipeline.close();
      // node:http tells most of them itself, but none that wait their turn on a connection that an upgrade has taken.
      for (const response of visitor.responses) response.close();
    });
    this.#server.emit('connection', socket);
  }

  /**
   * Running exchanges finish with `Connection: close`, and idle connections are kept for a last call. One on which nothing was
   * asked yet is not idle: its first request is on its way, and is answered if it comes within the time that a head may take.
   */
  drain(): void {
    this.#isDraining = true;
    // The last that was asked for says goodbye: no answer behind one that does would be read.
    for (const { responses } of this.#visitors.values()) [...responses].at(-1)?.closeAfter();
    this.#lastCall = setTimeout(() => {
      for (const [socket, visitor] of this.#visitors) endIfIdle(socket, visitor);
    }, lastCallMs);
  }

  stop(): void {
    clearTimeout(this.#lastCall);
    // Never listened, so there is nothing to wait for: this ends its interval.
    this.#server.close();
  }

  readonly #onRequest = (message: IncomingMessage, writer: ServerResponse): void => {
    const visitor = this.#visitors.get(message.socket);
    if (visitor === undefined) return void message.destroy();
    const { pipeline } = visitor;
    visitor.hasAsked = true;
    // Pipelined behind a refusal: node:http closes the connection when that has been sent.
    if (pipeline.isClosed) return pipeline.ignore();
    const response = this.#respond(visitor, writer);
    if (this.#isDraining) response.closeAfter();
    return pipeline.enter(message.method ?? '', () =>
      this.#serve(visitor, message, writer, response),
    );
  };

  #serve(
    visitor: Visitor,
    message: IncomingMessage,
    writer: ServerResponse,
    response: Http1Response,
  ): void {
    const normal = normalizeHttp1(
      message.method ?? '',
      message.url ?? '',
      message.httpVersion,
      message.rawHeaders,
      this.#options.limits,
    );
    if ('refusal' in normal) {
      visitor.pipeline.close();
      return refuse(response, normal, this.#routing.unreadFields(visitor.connection));
    }
    const route = this.#routing.enter(normal, visitor.connection);
    if (route === 'hub') {
      if (normal.expectsContinue) response.goAhead();
      const address = this.#routing.addressOf(normal, visitor.connection);
      // Its deadline is one without bytes, either way.
      const sender = { address, peer: visitor.connection.peer, keepOpen: ignore };
      return this.#options.hub.onRequest(message, writer, sender);
    }
    const request = this.#routing.request(normal, visitor.connection, message, route);
    if ('page' in route) return answerAbusePage(response, request, this.#options.abuse);
    if ('code' in route) {
      // Asked again on the same connection, the answer would be the same.
      if (route.code === 'edge.misdirected') response.closeAfter();
      return answerFailure(response, request, route.code, route.detail);
    }
    response.onClosed = () => this.#routing.leave(route);
    if (normal.expectsContinue) response.goAhead();
    return forward(request, response, route.tunnel, this.#options.forwarding);
  }

  readonly #onUpgrade = (message: IncomingMessage, socket: Duplex, firstBytes: Buffer): void => {
    // node:http has let go of the socket, its error handler included.
    socket.on('error', ignore);
    const visitor = this.#visitors.get(socket);
    if (visitor === undefined || !mayLeaveHttp(visitor)) return void socket.destroy();
    visitor.isUpgraded = true;
    (socket as Socket).setTimeout(0);
    const { method = '', url = '', httpVersion, rawHeaders } = message;
    const normal = normalizeHttp1(method, url, httpVersion, rawHeaders, this.#options.limits, true);
    const ownFields = this.#routing.unreadFields(visitor.connection);
    if ('refusal' in normal) return refuseRaw(socket, normal.refusal, { method, ownFields });
    const route = this.#routing.enter(normal, visitor.connection);
    if (route === 'hub') {
      visitor.connection.release();
      const { peer } = visitor.connection;
      return this.#options.hub.onUpgrade(message, socket as Socket, firstBytes, peer);
    }
    const request = this.#routing.request(normal, visitor.connection, message, route);
    if ('page' in route) return refuseRaw(socket, 'edge.protocol', { method, ownFields });
    if ('code' in route)
      return answerFailure(new SocketResponse(socket), request, route.code, route.detail);
    socket.once('close', () => this.#routing.leave(route));
    const upgrade = http1Upgrade(socket, firstBytes);
    return forwardUpgrade(request, upgrade, route.tunnel, this.#options.forwarding);
  };

  readonly #onConnect = (message: IncomingMessage, socket: Duplex): void => {
    const visitor = this.#visitors.get(socket);
    if (visitor === undefined || !mayLeaveHttp(visitor)) return void socket.destroy();
    const ownFields = this.#routing.unreadFields(visitor.connection);
    return refuseRaw(socket, 'edge.method', { method: message.method, ownFields });
  };

  /** Bytes that are no HTTP, too many of them, or too slow ones. */
  readonly #onClientError = (error: ParserError, socket: Duplex): void => {
    const visitor = this.#visitors.get(socket);
    // The rest of what was refused: read and dropped, or a reset would overtake the answer.
    if (visitor?.isLingering === true) return;
    // The rest of a head that nobody reads, behind requests that wait for their turn.
    if (visitor?.pipeline.isPaused === true && error.code === headTimedOut) return;
    const responses = visitor?.responses;
    const isAnswered = [...(responses ?? [])].some((response) => response.isHeadSent);
    if (!socket.writable || isAnswered || error.code === 'ECONNRESET') return void socket.destroy();
    for (const response of responses ?? []) response.close();
    if (visitor !== undefined) visitor.isLingering = true;
    visitor?.pipeline.close();
    const ownFields = visitor && this.#routing.unreadFields(visitor.connection);
    const asked = { method: 'GET', ownFields };
    const hasFullJar = showsCookies(error.rawPacket);
    return refuseRaw(socket, failureOfParser(error), asked, { hasFullJar });
  };

  #respond(visitor: Visitor, writer: ServerResponse): Http1Response {
    const { socket } = writer.req;
    const response = new Http1Response(writer);
    visitor.responses.add(response);
    writer.once('close', () => {
      visitor.responses.delete(response);
      response.close();
      // After the connection's last answer nothing more may be begun (RFC 9112 §9.6).
      if (socket.writable) visitor.pipeline.leave();
      else visitor.pipeline.close();
      if (this.#isDraining) endIfIdle(socket, visitor);
    });
    return response;
  }
}

interface Visitor {
  readonly connection: VisitorConnection;
  /** More than one when the visitor pipelines. */
  readonly responses: Set<Http1Response>;
  readonly pipeline: Pipeline;
  hasAsked: boolean;
  isUpgraded: boolean;
  /** Bytes that are no HTTP have been answered; the connection closes as soon as that has been sent. */
  isLingering: boolean;
}

/** Behind requests whose answers are still to come it must not: they have lost their connection to this one. */
function mayLeaveHttp({ pipeline, responses }: Visitor): boolean {
  return !pipeline.isClosed && [...responses].every((response) => response.isOver);
}

function endIfIdle(socket: Duplex, visitor: Visitor): void {
  if (visitor.responses.size === 0 && visitor.hasAsked && !visitor.isUpgraded) socket.end();
}

/** A server that never listens: the TLS listener hands it connections. */
function createFedServer({ limits }: FrontOptions): Server {
  const server = createServer({
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, limits.headTimeoutMs),
    // normalize.ts wants to answer that itself.
    requireHostHeader: false,
    // WebSocket is the one protocol that is carried; any other Upgrade is ignored, h2c among them (RFC 9110 §7.8).
    shouldUpgradeCallback: ({ method, headers, httpVersion }) =>
      method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket',
  });
  // The exchange's own deadline is the same time and answers 504; this one, for what no exchange watches, only cuts.
  server.timeout = limits.idleBodyMs + answerGraceMs;
  // Above its maximum node:http drops fields in silence; ours are counted, and headBytes bounds them.
  server.maxHeadersCount = 0;
  // The deadlines above are checked by an interval that starts with 'listening'.
  server.emit('listening');
  return server;
}

/** A failure page crosses a slow line in less. */
const answerGraceMs = 5000;

/**
 * Of a head that grew too large before it was whole: the packet in which it did begins in the middle of the cookies or holds
 * their line, and does not begin in the middle of a target.
 */
function showsCookies(packet: Buffer | undefined): boolean {
  const text = packet?.toString('latin1') ?? '';
  const isTarget = /^[^ \n]* HTTP\/1\.[01]\r?\n/.test(text);
  return !isTarget && /^[^\n]*; |\ncookie:/i.test(text);
}

function refuse(response: Http1Response, refused: Refusal, ownFields: FieldLines): void {
  response.closeAfter();
  const { refusal, method, wantsPage, hasFullJar } = refused;
  const request = { id: randomUUIDv7(), hostname: '', wantsPage, method, ownFields };
  answerFailure(response, request, refusal, { hasFullJar });
}

/** For connections that node:http no longer answers on. */
function refuseRaw(
  socket: Duplex,
  code: EdgeFailureCode,
  {
    method = '',
    ownFields = [],
  }: { method?: string | undefined; ownFields?: FieldLines | undefined },
  detail: FailureDetail = {},
): void {
  const request = { id: randomUUIDv7(), hostname: '', wantsPage: false, method, ownFields };
  answerFailure(new SocketResponse(socket), request, code, detail);
}

function ignore(): void {}
