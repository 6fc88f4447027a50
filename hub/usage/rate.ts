// Bytes that have just moved arrive; how long whoever moved them has to wait leaves. A rate that is kept without dropping anything.

/** Between two waits a line shall not run dry: 100 ms of the rate, and at least one piece of a body. */
const burstMs = 100;
const leastBurstBytes = 64 * 1024;
/** Shorter waits are put on the next one: a timer costs more than it keeps back. */
const shortestWaitMs = 4;
/** Of the time, added up over all who waited: less comes of a burst now and then, and of no lack. */
const heldShare = 0.25;

/** Everybody who shares it pays in the order in which he moved bytes, so that streams of one server take turns. */
export class Rate {
  readonly megabitsPerSecond: number;
  #bytesPerMs: number;
  #paidUntilMs = Number.NEGATIVE_INFINITY;
  /** Since somebody looked last. */
  #bytes = 0;
  #waitedMs = 0;

  constructor(megabitsPerSecond: number) {
    this.megabitsPerSecond = megabitsPerSecond;
    this.#bytesPerMs = this.wholeBytesPerMs;
  }

  get wholeBytesPerMs(): number {
    return this.megabitsPerSecond * 125;
  }

  /** What this process may have of it, while others move bytes as well. */
  allow(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
  }

  /** In the time since the last look; `isHeld`: there would have been more. */
  moved(elapsedMs: number): { bytesPerMs: number; isHeld: boolean } {
    const moved = {
      bytesPerMs: this.#bytes / elapsedMs,
      isHeld: this.#waitedMs > elapsedMs * heldShare,
    };
    this.#bytes = 0;
    this.#waitedMs = 0;
    return moved;
  }

  /** Milliseconds to wait before the next bytes; 0: none. */
  take(bytes: number, nowMs: number): number {
    const longestBurstMs = Math.max(burstMs, leastBurstBytes / this.#bytesPerMs);
    const fromMs = Math.max(this.#paidUntilMs, nowMs - longestBurstMs);
    this.#bytes += bytes;
    this.#paidUntilMs = fromMs + bytes / this.#bytesPerMs;
    const waitMs = this.#paidUntilMs - nowMs;
    if (waitMs < shortestWaitMs) return 0;
    this.#waitedMs += waitMs;
    return waitMs;
  }
}
