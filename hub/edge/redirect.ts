// Plain HTTP requests arrive on port 80; the way to the same address under https leaves, for names that are known here, and proofs for authorities.

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
import { defaultEdgeLimits, type EdgeLimits } from './limits.ts';
import { normalizeHttp1 } from './normalize.ts';
import type { Peers } from './peers.ts';
import { challengeToken, noProofs, type EdgeProofs } from './proof.ts';

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
    if ('refusal' in normal) return answer(response, 400, 'The request is not clear.');
    const token = challengeToken(normal.target);
    if (token !== undefined && (method === 'GET' || method === 'HEAD'))
      return void this.#prove(normal.hostname, token, response);
    if (!this.#options.isKnown(normal.hostname))
      return answer(response, 404, 'No server has this name.');
    // A form or an API call has already sent its secrets in the clear: it must fail where its author sees it.
    if (method !== 'GET' && method !== 'HEAD')
      return answer(response, 421, 'This name speaks HTTPS only.');
    const port = this.#options.httpsPort === 443 ? '' : `:${this.#options.httpsPort}`;
    response.setHeader('location', `https://${normal.hostname}${port}${normal.target}`);
    return answer(response, 308, 'This name speaks HTTPS only.');
  }

  /**
   * Also for names that nobody has yet: a server's name is proved before anything is served under it. What is no token of ours
   * is not redirected, or it would end at a tenant (security row D-08).
   */
  async #prove(hostname: string, token: string, response: ServerResponse): Promise<void> {
    const { proofs = noProofs } = this.#options;
    try {
      const proof = await proofs.ofToken(hostname, token);
      if (proof === undefined) answer(response, 404, 'No challenge of this hub has this token.');
      // RFC 8555 §8.3: nothing but the key authorization, for whoever asks.
      else response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(proof);
    } catch {
      answer(response, 503, 'The hub cannot look that up just now.');
    }
  }
}

function answer(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(`${sentence}\n`);
}
