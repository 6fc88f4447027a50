// A wish to reach the media server arrives; a connection to it leaves, or the reason why there is none, told to the owner once.

import { Buffer } from 'node:buffer';
import type { OnReadOpts, Socket } from 'node:net';

import type { Logger } from '../shared/log.ts';
import type { ResetReason } from '../shared/wire/codes.ts';
import { decodeOpening } from '../shared/wire/opening.ts';
import type { OriginAddress } from './origin-address.ts';
import { abort, OriginDial } from './origin-dial.ts';
import { explainOriginError } from './origin-error.ts';
import { proxyHeader } from './proxy-header.ts';
import { isLoopbackName } from './dialling/resolve.ts';

export type OriginState = 'untried' | 'answering' | 'unreachable' | 'silent' | 'untrusted';

/** A NAS whose disks sleep accepts connections at once all the same: ten seconds are for a machine that is gone. */
const connectTimeoutMs = 10_000;

export interface OriginEvents {
  /** The connection stands, and its certificate is the right one: bytes may go. */
  readonly onReady: () => void;
  /** At most once: before the connection stands, or when it breaks later. */
  readonly onFailed: (reason: ResetReason) => void;
}

export interface OriginOptions {
  readonly connectTimeoutMs?: number;
  /** It answers now and did not, or the reverse. */
  readonly onChange?: (isAnswering: boolean) => void;
}

/** The one address this agent ever connects to for a stream. Nothing from the wire takes part in choosing it. */
export class Origin {
  readonly #address: OriginAddress;
  readonly #dial: OriginDial;
  readonly #log: Logger;
  readonly #connectTimeoutMs: number;
  readonly #onChange: ((isAnswering: boolean) => void) | undefined;
  #state: OriginState = 'untried';

  constructor(address: OriginAddress, log: Logger, options: OriginOptions = {}) {
    this.#address = address;
    this.#dial = new OriginDial(address);
    this.#log = log;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? connectTimeoutMs;
    this.#onChange = options.onChange;
    if (address.kind === 'tcp' && !isLoopbackName(address.hostname)) {
      log.warn(
        { origin: address.url },
        'origin is not on this machine: what it serves crosses the network unencrypted',
      );
    }
  }

  get url(): string {
    return this.#address.url;
  }

  get state(): OriginState {
    return this.#state;
  }

  /** TLS decrypts what one read of the kernel brought, even when it is told to stop. */
  get readsInBursts(): boolean {
    return this.#address.kind === 'tls';
  }

  connect(onread: OnReadOpts, { onReady, onFailed }: OriginEvents): Socket {
    const deadline = setTimeout(() => {
      this.#note('silent', `${this.url} does not answer: check that the media server runs`);
      socket.destroy();
      onFailed('origin-timeout');
    }, this.#connectTimeoutMs);
    const dialled = {
      onReady: () => {
        clearTimeout(deadline);
        this.#noteAnswer();
        onReady();
      },
      onFailed: (error: Error, wasReady: boolean) => {
        if (wasReady) return onFailed('origin-closed');
        const { state, remedy } = explainOriginError(this.#address, error);
        this.#note(state, remedy, error);
        return onFailed(`origin-${state}`);
      },
    };
    const socket = this.#dial.open(dialled, onread);
    socket.once('close', () => clearTimeout(deadline));
    return socket;
  }

  /** Whether it takes a connection. Nothing is asked: a NAS whose disks sleep sleeps on. */
  knock(): Promise<boolean> {
    return new Promise((resolve) => {
      // Nothing is wanted of what it says.
      const onread = { buffer: Buffer.alloc(1024), callback: () => true };
      const socket = this.connect(onread, {
        onReady: () => {
          this.abort(socket);
          resolve(true);
        },
        onFailed: () => resolve(false),
      });
    });
  }

  /** What goes in front of the visitor's bytes: the PROXY header, where the owner asked for it. */
  preamble(opening: Buffer): Buffer | undefined {
    if (this.#address.sendsProxyHeader !== true) return undefined;
    return proxyHeader(decodeOpening(opening).clientAddress);
  }

  abort(socket: Socket): void {
    abort(socket, this.#address.kind);
  }

  /** One line per change: a hundred visitors of a sleeping server are not a hundred lines. */
  #note(state: OriginState, remedy: string, error?: Error): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#onChange?.(false);
    const message = state === 'untrusted' ? 'origin not trusted' : 'origin unreachable';
    this.#log.warn({ origin: this.url, remedy, ...(error && { err: error }) }, message);
  }

  #noteAnswer(): void {
    const former = this.#state;
    this.#state = 'answering';
    if (former !== 'answering') this.#onChange?.(true);
    if (former === 'answering' || former === 'untried') return;
    this.#log.info({ origin: this.url }, 'origin answers again');
  }
}
