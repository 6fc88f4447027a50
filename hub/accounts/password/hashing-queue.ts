// Work that takes a core and memory arrives; so much of it runs at once, some waits, and the rest is turned away (row A-01).

import { AccountError } from '../account-error.ts';

export interface QueueLimits {
  readonly atOnce: number;
  readonly queued: number;
}

/** A full queue is empty again in about a second. */
const retryAfterMs = 2000;

export class HashingQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** @throws AccountError login.busy, at once and without having begun */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#limits.atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#limits.queued) {
      throw new AccountError(
        'login.busy',
        'the hub checks as many passwords as it can right now: try again in a few seconds',
        { retryAfterMs },
      );
    }
    // Its place is handed over by whoever leaves.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
