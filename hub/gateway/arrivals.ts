// Agents that want in arrive; whether this is the moment leaves, or how long to stay away. A thousand come at once when a hub comes back.

export interface ArrivalsOptions {
  /** How many may come in per second, and at once. */
  readonly perSecond: number;
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/**
 * A token bucket that gives those it turns away a time each, one behind the other, so that they do not come back together.
 * Proving who an agent is costs two signatures and three queries; unbounded, all of them would miss their deadline at once.
 */
export class Arrivals {
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #tokens: number;
  #filledAtMs: number;
  /** When the last of those who were turned away is expected. */
  #expectedUntilMs = 0;

  constructor(options: ArrivalsOptions) {
    this.#perSecond = options.perSecond;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#tokens = options.perSecond;
    this.#filledAtMs = this.#nowMs();
  }

  /** 0: come in. Otherwise seconds to wait, at least 1. */
  admit(): number {
    const nowMs = this.#nowMs();
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, filled);
    this.#filledAtMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    this.#expectedUntilMs = Math.max(this.#expectedUntilMs, nowMs) + 1000 / this.#perSecond;
    // Retry-After knows whole seconds: rounded up or down at random, so that a second's worth does not return as one.
    const waitSeconds = (this.#expectedUntilMs - nowMs) / 1000;
    return Math.max(1, Math.floor(waitSeconds + this.#random()));
  }
}
