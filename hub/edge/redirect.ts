// Plain HTTP requests arrive on port 80; the way to the same address under https leaves, for names that are known here.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { listenOn } from '../../shared/listen-address.ts';
import { addressBucket, CidrSet, parseAddress } from '../../shared/net-address.ts';
import { Admission } from './admission.ts';
import { defaultEdgeLimits, type EdgeLimits } from './limits.ts';
import { normalizeHttp1 } from './normalize.ts';

export interface RedirectOptions {
  readonly isKnown: (hostname: string) => boolean;
  /** Where the edge is reached from outside. */
  readonly httpsPort: number;
  readonly limits?: EdgeLimits;
  readonly trustedProxies?: CidrSet;
}

export class RedirectListener {
  readonly #options: RedirectOptions;
  readonly #limits: EdgeLimits;
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #trustedProxies: CidrSet;

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultEdgeLimits;
    this.#admission = new Admission(this.#limits);
    this.#trustedProxies = options.trustedProxies ?? new CidrSet([]);
    this.#server = createServer({
      maxHeaderSize: this.#limits.headBytes,
      headersTimeout: this.#limits.headTimeoutMs,
      // Nothing but a head is wanted, so that the same deadline holds for all of it.
      requestTimeout: this.#limits.headTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, this.#limits.headTimeoutMs),
      requireHostHeader: false,
    });
    this.#server.maxConnections = this.#limits.redirectConnections;
    this.#server.on('connection', (socket: Socket) => this.#count(socket));
    this.#server.on('request', (request, response) => this.#redirect(request, response));
    this.#server.on('checkContinue', (request, response) => this.#redirect(request, response));
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    this.#server.on('error', () => undefined);
  }

  /** @throws ListenAddressError, or the error of bind */
  listen(address: string): Promise<AddressInfo> {
    return listenOn(this.#server, address);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  /** A count of its own: whoever holds all of his connections here still has those of the HTTPS port. */
  #count(socket: Socket): void {
    const peer = parseAddress(socket.remoteAddress ?? '');
    if (peer !== undefined && this.#trustedProxies.has(peer)) return;
    const bucket = peer === undefined ? undefined : addressBucket(peer);
    if (bucket === undefined || !this.#admission.openConnection(bucket)) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.#admission.closeConnection(bucket));
  }

  #redirect(request: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    const { method = '', url = '', httpVersion, rawHeaders } = request;
    const normal = normalizeHttp1(method, url, httpVersion, rawHeaders, this.#limits);
    if ('refusal' in normal) return answer(response, 400, 'The request is not clear.');
    if (!this.#options.isKnown(normal.hostname))
      return answer(response, 404, 'No server has this name.');
    // A form or an API call has already sent its secrets in the clear: it must fail where its author sees it.
    if (method !== 'GET' && method !== 'HEAD')
      return answer(response, 421, 'This name speaks HTTPS only.');
    const port = this.#options.httpsPort === 443 ? '' : `:${this.#options.httpsPort}`;
    response.setHeader('location', `https://${normal.hostname}${port}${normal.target}`);
    return answer(response, 308, 'This name speaks HTTPS only.');
  }
}

function answer(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(`${sentence}\n`);
}
