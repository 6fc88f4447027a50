// The requests of one HTTP/1.x connection arrive in their order; each leaves to be served as soon as none before it is in its way.

import type { Duplex } from 'node:stream';

/**
 * Requests that may wait on one connection; beyond it no more bytes are read. The deepest pipe that programs lay is apt's, of
 * ten; a waiting request takes some 8 KiB.
 */
export const maxWaiting = 32;

/** RFC 9110 §9.2.1. */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

interface Waiting {
  readonly isSafe: boolean;
  readonly serve: () => void;
}

/**
 * Requests that a visitor sends without waiting for answers run side by side while all of them are safe (RFC 9112 §9.3.2). One
 * that is not waits until those before it are over, and those behind it wait for it.
 */
export class Pipeline {
  readonly #socket: Duplex;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #runsUnsafe = false;
  #ignored = 0;
  #isPaused = false;

  /** Nothing more is served: one request was not clear, and what follows may be its other half; or the connection is gone. */
  isClosed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** As much waits as may: what is late now is late because nobody reads it. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** `serve` is called now, in its turn, or never. What it begins is over when `leave` is called. */
  enter(method: string, serve: () => void): void {
    const isSafe = safeMethods.has(method);
    if (this.#mayBegin(isSafe) && this.#waiting.length === 0) return this.#begin(isSafe, serve);
    this.#waiting.push({ isSafe, serve });
    return this.#balance();
  }

  leave(): void {
    this.#running -= 1;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#mayBegin(next.isSafe)) break;
      this.#waiting.shift();
      this.#begin(next.isSafe, next.serve);
    }
    this.#balance();
  }

  /** One more has come that is not served. node:http keeps it until the connection ends. */
  ignore(): void {
    this.#ignored += 1;
    this.#balance();
  }

  close(): void {
    this.isClosed = true;
    this.#waiting.length = 0;
  }

  #mayBegin(isSafe: boolean): boolean {
    return this.#running === 0 || (isSafe && !this.#runsUnsafe);
  }

  #begin(isSafe: boolean, serve: () => void): void {
    this.#running += 1;
    this.#runsUnsafe = !isSafe;
    serve();
  }

  #balance(): void {
    const isFull = this.#waiting.length + this.#ignored >= maxWaiting;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) {
      // node:http resumes the connection behind each message.
      this.#socket.on('resume', this.#pause);
      this.#pause();
    } else {
      this.#socket.off('resume', this.#pause);
      this.#socket.resume();
    }
  }

  readonly #pause = (): void => {
    this.#socket.pause();
  };
}
