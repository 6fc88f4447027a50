// A break in a response arrives; the waits until it goes on leave: each ends by itself, or with the break.

import type { ResumeCause } from './event.ts';

export class Interruption {
  readonly cause: ResumeCause;
  /** Of the first byte that the visitor lacks; undefined when the response had not begun. */
  readonly offset: number | undefined;
  /** What stood in the way last. */
  error: unknown;
  /** How many times the rest was asked for. */
  attempts = 0;
  /** How many of them were promised the rest and got none of it. */
  barren = 0;
  /** No attempt is running. */
  isWaiting = true;
  /** The running attempt was promised the rest. */
  isPromised = false;
  readonly #over = new AbortController();
  readonly #onLate: () => void;
  #sinceMs = performance.now();
  #deadline: NodeJS.Timeout | undefined;
  #onRoom: (() => void) | undefined;

  /** `onLate`: the time that `allow` gave is over. */
  constructor(
    begun: { cause: ResumeCause; offset: number | undefined; error: unknown },
    onLate: () => void,
  ) {
    this.cause = begun.cause;
    this.offset = begun.offset;
    this.error = begun.error;
    this.#onLate = onLate;
  }

  /** Aborted when the response goes on, or never will. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  get waitMs(): number {
    return Math.round(performance.now() - this.#sinceMs);
  }

  /** Starts the clock, once: attempts that fail do not wind it up again. */
  allow(ms: number): void {
    if (this.isOver || this.#deadline !== undefined) return;
    this.#sinceMs = performance.now();
    this.#deadline = setTimeout(this.#onLate, ms);
  }

  end(): void {
    clearTimeout(this.#deadline);
    this.#over.abort();
    this.#onRoom?.();
  }

  /** Resolves when the visitor takes bytes again, or with the break. It has `ms` for it, and the clock stands still. */
  async room(ms: number): Promise<void> {
    const idle = setTimeout(this.#onLate, ms);
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
    clearTimeout(idle);
  }

  noteRoom(): void {
    this.#onRoom?.();
  }

  /** Resolves after a while, or with the break. */
  pause(ms: number): Promise<void> {
    const { signal } = this;
    if (this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }
}
