// A wish to reach the media server arrives; a connection to it leaves, or the reason why there is none, told to the owner once.

import { connect, type OnReadOpts, type Socket } from 'node:net';

import type { Logger } from '../shared/log.ts';
import type { ResetReason } from '../shared/wire/codes.ts';
import type { Endpoint } from './config.ts';
import { isLoopbackName, resolveAfresh } from './resolve.ts';

export type OriginState = 'untried' | 'answering' | 'unreachable' | 'silent';

/** A NAS whose disks sleep accepts connections at once all the same: ten seconds are for a machine that is gone. */
const connectTimeoutMs = 10_000;

/** The one address this agent ever connects to for a stream. Nothing from the wire takes part in choosing it. */
export class Origin {
  readonly #endpoint: Endpoint;
  readonly #log: Logger;
  readonly #connectTimeoutMs: number;
  #state: OriginState = 'untried';

  constructor(endpoint: Endpoint, log: Logger, options: { connectTimeoutMs?: number } = {}) {
    this.#endpoint = endpoint;
    this.#log = log;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? connectTimeoutMs;
    if (!isLoopbackName(endpoint.hostname)) {
      log.warn(
        { origin: endpoint.url },
        'origin is not on this machine: what it serves crosses the network unencrypted',
      );
    }
  }

  get url(): string {
    return this.#endpoint.url;
  }

  get state(): OriginState {
    return this.#state;
  }

  /** `onFailed` is called at most once: before the connection stands, or when it breaks later. */
  connect(onread: OnReadOpts, onFailed: (reason: ResetReason) => void): Socket {
    const socket = connect({
      host: this.#endpoint.hostname,
      port: this.#endpoint.port,
      noDelay: true,
      // A media server may answer after the request's end, and a client may send after the answer's.
      allowHalfOpen: true,
      lookup: resolveAfresh,
      onread,
    });
    const deadline = setTimeout(() => {
      this.#note('silent');
      socket.destroy();
      onFailed('origin-timeout');
    }, this.#connectTimeoutMs);
    let isConnected = false;
    socket.once('connect', () => {
      clearTimeout(deadline);
      isConnected = true;
      this.#note('answering');
    });
    socket.once('error', (error) => {
      if (!isConnected) this.#note('unreachable', error);
      onFailed(isConnected ? 'origin-closed' : 'origin-unreachable');
    });
    socket.once('close', () => clearTimeout(deadline));
    return socket;
  }

  /** One line per change: a hundred visitors of a sleeping server are not a hundred lines. */
  #note(state: Exclude<OriginState, 'untried'>, error?: Error): void {
    if (state === this.#state) return;
    const former = this.#state;
    this.#state = state;
    const facts = { origin: this.url };
    if (state !== 'answering') {
      const remedy = `nothing answers on ${this.url}: start your media server or set PHLIX_ORIGIN_URL`;
      this.#log.warn({ ...facts, remedy, ...(error && { err: error }) }, 'origin unreachable');
    } else if (former !== 'untried') {
      this.#log.info(facts, 'origin answers again');
    }
  }
}
