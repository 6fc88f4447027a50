// Failed attempts arrive; the time to wait before the next one leaves.

export interface BackoffOptions {
  /** Ceiling of the first wait. Half a second: a restarted hub is back before a person has noticed. */
  firstMs?: number;
  /** Highest ceiling. Half a minute: what a home can wait after an outage without calling anybody. */
  maxMs?: number;
  /** A connection that lived this long forgets the failures before it; a shorter one may be part of a crash loop. */
  stableMs?: number;
  /** Monotonic milliseconds. */
  now?: () => number;
  /** Uniform in [0, 1). */
  random?: () => number;
}

/**
 * Full jitter: each wait is uniform below a ceiling that doubles, so a thousand agents that lost the same
 * hub in the same second come back spread over the whole ceiling instead of in waves.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #stableMs: number;
  readonly #now: () => number;
  readonly #random: () => number;
  #failures = 0;
  #connectedAt: number | undefined;

  constructor(options: BackoffOptions = {}) {
    this.#firstMs = options.firstMs ?? 500;
    this.#maxMs = options.maxMs ?? 30_000;
    this.#stableMs = options.stableMs ?? 60_000;
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
  }

  /** To be called when an attempt succeeds; the failures are forgotten once it has lasted. */
  connected(): void {
    this.#connectedAt = this.#now();
  }

  /** Milliseconds to wait now, after one more failure. */
  next(): number {
    if (this.#connectedAt !== undefined && this.#now() - this.#connectedAt >= this.#stableMs) {
      this.#failures = 0;
    }
    this.#connectedAt = undefined;
    // 2^31 half seconds are far past every ceiling: stops the exponent before it becomes Infinity.
    const ceilingMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures, 31));
    this.#failures += 1;
    return this.#random() * ceilingMs;
  }
}
