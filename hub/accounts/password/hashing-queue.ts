// Work that takes a core and memory arrives; so much of it runs at once, some waits, and the rest is turned away (row A-01). Whom the hub knows does not wait behind strangers.

import { AccountError } from '../account-error.ts';

export interface QueueLimits {
  readonly atOnce: number;
  /** Of them strangers' at most. Left out: all. */
  readonly strangersAtOnce?: number;
  /** Of each kind. */
  readonly queued: number;
}

/**
 * Who waits for it. `known`: somebody who is signed in, holds a token that was for him, or comes with a browser that his
 * account knows. `stranger`: anybody with a list of names and passwords.
 */
export type Comer = 'known' | 'stranger';

/** A full queue is empty again in about a second. */
const retryAfterMs = 2000;

export class HashingQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: Record<Comer, (() => void)[]> = { known: [], stranger: [] };
  readonly #running: Record<Comer, number> = { known: 0, stranger: 0 };

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Before anything else is done for somebody. @throws AccountError login.busy */
  requireRoom(comer: Comer): void {
    if (this.#waiting[comer].length < this.#limits.queued) return;
    throw new AccountError(
      'login.busy',
      'the hub checks as many passwords as it can right now: try again in a few seconds',
      { retryAfterMs },
    );
  }

  /** @throws AccountError login.busy, at once and without having begun */
  async run<Result>(work: () => Promise<Result>, comer: Comer): Promise<Result> {
    await this.#enter(comer);
    try {
      return await work();
    } finally {
      this.#running[comer] -= 1;
      this.#callNext();
    }
  }

  async #enter(comer: Comer): Promise<void> {
    if (this.#hasPlace(comer)) {
      this.#running[comer] += 1;
      return;
    }
    this.requireRoom(comer);
    // Its place is counted by whoever leaves.
    await new Promise<void>((resolve) => this.#waiting[comer].push(resolve));
  }

  /** Strangers only where nobody whom the hub knows waits. */
  #callNext(): void {
    for (const comer of ['known', 'stranger'] as const) {
      if (!this.#hasPlace(comer)) continue;
      const next = this.#waiting[comer].shift();
      if (next === undefined) continue;
      this.#running[comer] += 1;
      next();
      return;
    }
  }

  #hasPlace(comer: Comer): boolean {
    const { known, stranger } = this.#running;
    const { atOnce, strangersAtOnce = atOnce } = this.#limits;
    return known + stranger < atOnce && (comer === 'known' || stranger < strangersAtOnce);
  }
}
