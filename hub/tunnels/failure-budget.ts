// Failed attempts to prove something arrive, by address; whether that address may try again now leaves (security row D-03).

export interface FailureBudgetOptions {
  readonly limit: number;
  readonly windowMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

interface Failures {
  count: number;
  readonly untilMs: number;
}

/** Addresses remembered at once. A thousand times more than an honest minute brings; 10 MB when somebody fills it. */
const maxBuckets = 100_000;

/** Counts failures only, in windows that begin with an address's first one. */
export class FailureBudget {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #nowMs: () => number;
  /** In the order in which their windows end, since all are equally long. */
  readonly #failures = new Map<string, Failures>();

  constructor(options: FailureBudgetOptions) {
    this.#limit = options.limit;
    this.#windowMs = options.windowMs;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Milliseconds until this address may try again; 0: now. */
  waitMs(bucket: string): number {
    this.#forgetOld();
    const failures = this.#failures.get(bucket);
    if (failures === undefined || failures.count < this.#limit) return 0;
    return Math.max(1, failures.untilMs - this.#nowMs());
  }

  note(bucket: string): void {
    this.#forgetOld();
    const failures = this.#failures.get(bucket);
    if (failures !== undefined) {
      failures.count += 1;
      return;
    }
    if (this.#failures.size >= maxBuckets) this.#forgetOldest();
    this.#failures.set(bucket, { count: 1, untilMs: this.#nowMs() + this.#windowMs });
  }

  #forgetOld(): void {
    const nowMs = this.#nowMs();
    for (const [bucket, { untilMs }] of this.#failures) {
      if (untilMs > nowMs) return;
      this.#failures.delete(bucket);
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }
}
