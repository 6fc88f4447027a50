// A door arrives; somebody new who asks again and again leaves, and knows how long the longest wait for a first byte was.

import { setTimeout as after } from 'node:timers/promises';

import { within } from '../../support/deadline.ts';
import { glance } from '../visitors/errands.ts';
import type { Door } from '../visitors/visit.ts';

const paceMs = 20;
/** Nothing that a fault of the storm does takes longer to mend: a silent line with the default pings is noticed within 25 s. */
const patienceMs = 120_000;

/** How long somebody waits who wants his first byte while a fault strikes, tries until he has it, and counts from his first try. */
export class Newcomer {
  worstMs = 0;
  /** Tries that failed. */
  refused = 0;
  wrong = 0;
  readonly #door: Door;
  #isDone = false;
  readonly #asking: Promise<void>;

  constructor(door: Door) {
    this.#door = door;
    this.#asking = this.#keepAsking();
  }

  /** Resolves after one more answer to a question from after the fault. */
  async stop(): Promise<void> {
    this.#isDone = true;
    await within(this.#asking, patienceMs, () => 'an answer for somebody new');
  }

  async #keepAsking(): Promise<void> {
    for (let isLast = false; !isLast;) {
      isLast = this.#isDone;
      const askedAt = performance.now();
      await this.#ask();
      this.worstMs = Math.max(this.worstMs, performance.now() - askedAt);
      await after(paceMs);
    }
  }

  async #ask(): Promise<void> {
    for (;;) {
      const { end } = await glance(this.#door).outcome;
      if (end === 'complete') return;
      if (end === 'wrong') this.wrong += 1;
      this.refused += 1;
      await after(paceMs);
    }
  }
}
