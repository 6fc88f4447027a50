// A host name and a port arrive; the first TCP connection that stands leaves: both families in turn, the slower ones destroyed (RFC 8305).

import { connect, type Socket } from 'node:net';

import { addressesOf, isLoopbackName, type AddressFamily } from './resolve.ts';

export interface RaceOptions {
  readonly hostname: string;
  readonly port: number;
  readonly signal: AbortSignal;
  readonly resolve?: (hostname: string, family: AddressFamily) => Promise<readonly string[]>;
  readonly open?: (address: string, port: number) => Socket;
}

/** RFC 8305 §8: "Connection Attempt Delay". */
const attemptDelayMs = 250;
/** RFC 8305 §8: "Resolution Delay", how long an answer for IPv4 waits for the one for IPv6. */
const resolutionDelayMs = 50;

/**
 * Node's own `autoSelectFamily` gives every address but the last 250 ms and then gives it up: on a line whose round
 * trip is longer only the last one has a chance. Here former attempts go on beside the later ones.
 * @throws what broke the attempts, or the resolver's error; the signal's reason when it aborts
 */
export function connectToFirst(options: RaceOptions): Promise<Socket> {
  return new Race(options).run();
}

class Race {
  readonly #options: RaceOptions;
  readonly #open: (address: string, port: number) => Socket;
  readonly #outcome = Promise.withResolvers<Socket>();
  readonly #untried: Record<AddressFamily, string[]> = { 4: [], 6: [] };
  readonly #running = new Set<Socket>();
  readonly #failures: NodeJS.ErrnoException[] = [];
  /** Of the next attempt, if there is a choice. IPv6 first (RFC 8305 §4); loopback hubs listen on 127.0.0.1 by default. */
  #nextFamily: AddressFamily;
  #unresolved = 2;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: RaceOptions) {
    this.#options = options;
    this.#open = options.open ?? open;
    this.#nextFamily = isLoopbackName(options.hostname) ? 4 : 6;
  }

  run(): Promise<Socket> {
    const { hostname, signal, resolve = addressesOf } = this.#options;
    const abort = (): void => this.#lose(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    for (const family of [6, 4] as const) {
      resolve(hostname, family).then(
        (addresses) => this.#learn(family, addresses),
        (error: unknown) => this.#learn(family, [], error),
      );
    }
    return this.#outcome.promise.finally(() => signal.removeEventListener('abort', abort));
  }

  #learn(family: AddressFamily, addresses: readonly string[], error?: unknown): void {
    this.#unresolved -= 1;
    if (this.#isOver) return;
    if (error !== undefined) this.#failures.push(error as NodeJS.ErrnoException);
    this.#untried[family].push(...addresses);
    const isFirst = this.#running.size === 0 && this.#unresolved > 0;
    if (isFirst && family !== this.#nextFamily) this.#later(resolutionDelayMs);
    // A timer that runs says when the next attempt is due; these addresses wait for their turn.
    else if (this.#timer === undefined || this.#running.size === 0) this.#attempt();
  }

  #attempt(): void {
    this.#stopTimer();
    const address = this.#take();
    if (address === undefined) {
      if (this.#running.size === 0 && this.#unresolved === 0) this.#lose(this.#worthTelling());
      return;
    }
    const socket = this.#open(address, this.#options.port);
    this.#running.add(socket);
    socket.once('connect', () => this.#win(socket));
    socket.once('error', (error) => {
      this.#running.delete(socket);
      this.#failures.push(error);
      // No reason to wait for the rest of its 250 ms.
      if (!this.#isOver) this.#attempt();
    });
    this.#later(attemptDelayMs);
  }

  /** Families in turn. */
  #take(): string | undefined {
    const other: AddressFamily = this.#nextFamily === 6 ? 4 : 6;
    const address = this.#untried[this.#nextFamily].shift();
    if (address === undefined) return this.#untried[other].shift();
    this.#nextFamily = other;
    return address;
  }

  #later(ms: number): void {
    this.#stopTimer();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#attempt();
    }, ms);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #win(socket: Socket): void {
    this.#running.delete(socket);
    this.#finish();
    socket.removeAllListeners('error');
    this.#outcome.resolve(socket);
  }

  #lose(error: unknown): void {
    this.#finish();
    this.#outcome.reject(error);
  }

  #finish(): void {
    this.#isOver = true;
    this.#stopTimer();
    for (const socket of this.#running) socket.destroy();
    this.#running.clear();
  }

  /** "refused" says more about the hub than "no way" of a family that this home does not have. */
  #worthTelling(): NodeJS.ErrnoException {
    const [first = new Error('no address')] = this.#failures;
    return this.#failures.find(({ code }) => !uninformative.has(code ?? '')) ?? first;
  }
}

const uninformative = new Set([
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENOTFOUND',
  'EAI_NODATA',
]);

function open(address: string, port: number): Socket {
  return connect({ host: address, port, noDelay: true, keepAlive: true });
}
