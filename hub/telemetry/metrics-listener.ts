// Requests of a monitoring system arrive on a port of their own; the metrics leave as they are at that moment.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { listenOn } from '../../shared/listen-address.ts';
import { exposition, expositionType, type Metric } from './metric.ts';

export interface MetricsListenerOptions {
  /** `127.0.0.1:9464`. */
  readonly address: string;
  readonly metrics: readonly Metric[];
  readonly onListening: (bound: AddressInfo) => void;
  /** The first of the attempts that failed; they go on. */
  readonly onFailure: (error: unknown) => void;
  readonly retryMs?: number;
}

/** A former hub that drains gives the port up within HUB_DRAIN_TIMEOUT; monitoring systems ask every fifteen seconds or so. */
const retryMs = 1000;
/** A scrape takes milliseconds; more than a handful at once is somebody else. */
const maxConnections = 16;
const maxHeadBytes = 8 * 1024;
const patienceMs = 5000;

/** Listens as soon as it can: no visitor and no agent has to wait for figures. */
export class MetricsListener {
  readonly #options: MetricsListenerOptions;
  readonly #server: Server;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: MetricsListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      { maxHeaderSize: maxHeadBytes, headersTimeout: patienceMs, requestTimeout: patienceMs },
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxConnections = maxConnections;
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    this.#server.on('error', ignore);
    // Nobody's reason to go on running.
    this.#server.unref();
  }

  /** Resolves after the first attempt. Never rejects. */
  async start(): Promise<void> {
    await this.#listen(true);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #listen(isFirst: boolean): Promise<void> {
    const { address, onListening, onFailure } = this.#options;
    try {
      const bound = await listenOn(this.#server, address);
      if (this.#isStopped) this.#server.close();
      else onListening(bound);
    } catch (error) {
      if (isFirst) onFailure(error);
      if (this.#isStopped) return;
      const again = (): void => void this.#listen(false);
      this.#timer = setTimeout(again, this.#options.retryMs ?? retryMs).unref();
    }
  }

  #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    response.setHeader('x-content-type-options', 'nosniff');
    if (url.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      response.writeHead(200, { 'content-type': expositionType, 'cache-control': 'no-store' });
      response.end(exposition(this.#options.metrics));
    }
  }
}

function ignore(): void {}
