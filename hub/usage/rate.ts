// Bytes that have just moved arrive; how long whoever moved them has to wait leaves. A rate that is kept without dropping anything.

/** Between two waits a line shall not run dry: 100 ms of the rate, and at least one piece of a body. */
const burstMs = 100;
const leastBurstBytes = 64 * 1024;
/** Shorter waits are put on the next one: a timer costs more than it keeps back. */
const shortestWaitMs = 4;

/** Everybody who shares it pays in the order in which he moved bytes, so that streams of one server take turns. */
export class Rate {
  readonly megabitsPerSecond: number;
  readonly #bytesPerMs: number;
  readonly #burstMs: number;
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor(megabitsPerSecond: number) {
    this.megabitsPerSecond = megabitsPerSecond;
    this.#bytesPerMs = megabitsPerSecond * 125;
    this.#burstMs = Math.max(burstMs, leastBurstBytes / this.#bytesPerMs);
  }

  /** Milliseconds to wait before the next bytes; 0: none. */
  take(bytes: number, nowMs: number): number {
    const fromMs = Math.max(this.#paidUntilMs, nowMs - this.#burstMs);
    this.#paidUntilMs = fromMs + bytes / this.#bytesPerMs;
    const waitMs = this.#paidUntilMs - nowMs;
    return waitMs < shortestWaitMs ? 0 : waitMs;
  }
}
