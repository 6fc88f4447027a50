// Requests of a monitoring system arrive on a port of their own; metrics leave as they are at that moment, and short answers about health.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { listenOn } from '../listen-address.ts';
import { registryOf, type Metric } from './metric.ts';

/** What is said about health. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: object;
}

export interface MetricsListenerOptions {
  /** `127.0.0.1:9464`. */
  readonly address: string;
  readonly metrics: Iterable<Metric>;
  /** By path: `/readyz`. */
  readonly health?: Readonly<Record<string, () => Promise<HealthAnswer>>>;
  readonly onListening: (bound: AddressInfo) => void;
  /** The first of the attempts that failed; they go on. */
  readonly onFailure: (error: unknown) => void;
  /** A question that could not be answered. */
  readonly onBroken?: (error: unknown) => void;
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
  readonly #answers: ReadonlyMap<string, () => Promise<Answer>>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: MetricsListenerOptions) {
    this.#options = options;
    this.#answers = answersOf(options);
    this.#server = createServer(
      { maxHeaderSize: maxHeadBytes, headersTimeout: patienceMs, requestTimeout: patienceMs },
      (request, response) => void this.#answer(request, response),
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

  /** Cannot reject. */
  async #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
    const find = this.#answers.get(url.split('?', 1)[0] ?? '');
    if (find === undefined) {
      const known = [...this.#answers.keys()].map((path) => `GET ${path}\n`);
      response.writeHead(404, { 'content-type': 'text/plain' }).end(known.join(''));
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      const { status, type, text } = await this.#found(find);
      response.writeHead(status, { 'content-type': type }).end(text);
    }
  }

  async #found(find: () => Promise<Answer>): Promise<Answer> {
    try {
      return await find();
    } catch (error) {
      this.#options.onBroken?.(error);
      return { status: 500, type: 'text/plain', text: 'This could not be read: see the log.\n' };
    }
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function answersOf({ metrics, health = {} }: MetricsListenerOptions) {
  const registry = registryOf(metrics);
  const answers = new Map<string, () => Promise<Answer>>();
  answers.set('/metrics', async () => {
    return { status: 200, type: registry.contentType, text: await registry.metrics() };
  });
  for (const [path, look] of Object.entries(health)) {
    answers.set(path, async () => {
      const { status, body } = await look();
      return { status, type: 'application/json', text: `${JSON.stringify(body)}\n` };
    });
  }
  return answers;
}

function ignore(): void {}
