// Plain HTTP requests arrive on port 80; the way to the same address under https leaves, for names that are known here, and proofs for authorities.

import { randomUUIDv7 } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { listenOn, type PortSharing } from '../../shared/listen-address.ts';
import { addressBucket, CidrSet } from '../../shared/net-address.ts';
import { Admission } from './admission.ts';
import { answerFailure, type EdgeFailureCode, type FailureDetail } from './failure.ts';
import { Http1Response } from './http1-response.ts';
import { defaultEdgeLimits, type EdgeLimits } from './limits.ts';
import { normalizeHttp1 } from './normalize.ts';
import { failureOfParser, type ParserError } from './parser-error.ts';
import type { Peers } from './peers.ts';
import { challengeToken, noProofs, type EdgeProofs } from './proof.ts';
import { SocketResponse } from './socket-response.ts';
import type { VisitorRequest, VisitorResponse } from './visitor.ts';

export interface RedirectOptions {
  readonly isKnown: (hostname: string) => boolean;
  /** Absent where nothing has to be proved to an authority. */
  readonly proofs?: EdgeProofs;
  /** Where the edge is reached from outside. */
  readonly httpsPort: number;
  readonly limits?: EdgeLimits;
  readonly peers: Peers;
  readonly trustedProxies?: CidrSet;
}

export class RedirectListener {
  readonly #options: RedirectOptions;
  readonly #limits: EdgeLimits;
  readonly #server: Server;
  /** Never listens: connections are handed to it. */
  readonly #http: HttpServer;
  readonly #sockets = new Set<Socket>();
  readonly #admission: Admission;
  readonly #trustedProxies: CidrSet;
  readonly #asked = new WeakSet<Socket>();

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultEdgeLimits;
    this.#admission = new Admission(this.#limits);
    this.#trustedProxies = options.trustedProxies ?? new CidrSet([]);
    this.#http = createHttpServer({
      maxHeaderSize: this.#limits.headBytes,
      headersTimeout: this.#limits.headTimeoutMs,
      // Nothing but a head is wanted, so that the same deadline holds for all of it.
      requestTimeout: this.#limits.headTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, this.#limits.headTimeoutMs),
      requireHostHeader: false,
    });
    this.#http.on('request', (request, response) => this.#answer(request, response));
    this.#http.on('checkContinue', (request, response) => this.#answer(request, response));
    this.#http.on('clientError', (error: ParserError, socket: Socket) =>
      this.#refuseBytes(error, socket),
    );
    this.#server = createServer((socket) => this.#meet(socket));
    this.#server.maxConnections = this.#limits.redirectConnections;
    // Its deadlines are checked by an interval that starts with 'listening'.
    this.#http.emit('listening');
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    this.#server.on('error', () => undefined);
  }

  /** @throws ListenAddressError, or the error of bind */
  listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    return listenOn(this.#server, address, sharing);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    this.#http.close();
    await closed;
  }

  #meet(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#options.peers.meet(socket, ({ address }) => {
      if (!this.#count(socket, address)) return void socket.destroy();
      this.#http.emit('connection', socket);
      return void socket.resume();
    });
  }

  /** A count of its own: whoever holds all of his connections here still has those of the HTTPS port. */
  #count(socket: Socket, address: string): boolean {
    // Everybody behind a trusted proxy shares its address.
    if (this.#trustedProxies.has(address)) return true;
    const bucket = addressBucket(address);
    if (!this.#admission.openConnection(bucket)) return false;
    socket.once('close', () => this.#admission.closeConnection(bucket));
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // One question for each connection: what was sent behind it in one piece has been parsed by now, and is not looked at.
    if (this.#asked.has(request.socket)) return;
    this.#asked.add(request.socket);
    request.socket.pause();
    response.shouldKeepAlive = false;
    const { method = '', url = '', httpVersion, rawHeaders } = request;
    const normal = normalizeHttp1(method, url, httpVersion, rawHeaders, this.#limits);
    const visitor = new Http1Response(response);
    if ('refusal' in normal) return refuse(visitor, { ...normal, hostname: '' }, normal.refusal);
    const token = challengeToken(normal.target);
    if (token !== undefined && (method === 'GET' || method === 'HEAD'))
      return void this.#prove(normal, token, response);
    if (!this.#options.isKnown(normal.hostname)) return refuse(visitor, normal, 'tunnel.unknown');
    // A form or an API call has already sent its secrets in the clear: it must fail where its author sees it.
    if (method !== 'GET' && method !== 'HEAD')
      return refuse(visitor, normal, 'edge.misdirected', { sentence: httpsWanted });
    const port = this.#options.httpsPort === 443 ? '' : `:${this.#options.httpsPort}`;
    response.setHeader('location', `https://${normal.hostname}${port}${normal.target}`);
    response.writeHead(308, { 'content-type': 'text/plain' });
    response.end('This name speaks HTTPS only.\n');
  }

  /** What is no HTTP, is too much of it or comes too late. */
  #refuseBytes(error: ParserError, socket: Socket): void {
    // The rest of what was refused or answered.
    if (this.#asked.has(socket)) return;
    this.#asked.add(socket);
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const request = { method: '', hostname: '', wantsPage: false };
    refuse(new SocketResponse(socket), request, failureOfParser(error));
  }

  /**
   * Also for names that nobody has yet: a server's name is proved before anything is served under it. What is no token of ours
   * is not redirected, or it would end at a tenant (security row D-08).
   */
  async #prove(request: Asked, token: string, response: ServerResponse): Promise<void> {
    const visitor = new Http1Response(response);
    const { proofs = noProofs } = this.#options;
    try {
      const proof = await proofs.ofToken(request.hostname, token);
      if (proof === undefined)
        refuse(visitor, request, 'edge.challenge', { sentence: noSuchToken });
      // RFC 8555 §8.3: nothing but the key authorization, for whoever asks.
      else response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(proof);
    } catch {
      refuse(visitor, request, 'edge.busy', { sentence: blind });
    }
  }
}

const httpsWanted =
  'This name is served over HTTPS only, and what was sent here could be read on its way. Write https:// in front of the address, and change what was secret.';
const noSuchToken = 'No challenge of this hub has this token.';
const blind = 'The hub cannot look that up just now. Try again in a few seconds.';

type Asked = Pick<VisitorRequest, 'method' | 'hostname' | 'wantsPage'>;

function refuse(
  response: VisitorResponse,
  { method, hostname, wantsPage }: Asked,
  code: EdgeFailureCode,
  detail?: FailureDetail,
): void {
  answerFailure(response, { id: randomUUIDv7(), method, hostname, wantsPage }, code, detail);
}
