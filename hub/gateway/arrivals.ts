// Agents that want in arrive; whether this is the moment leaves, or how long to stay away. A thousand come at once when a hub comes back.

export interface ArrivalsOptions {
  /** How many may come in per second, and at once. */
  readonly perSecond: number;
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/** Of the bucket, kept for addresses of which few have come in this second: one stranger's knocking uses up the rest only. */
const reservedShare = 1 / 4;
/** What is few: a home with its two links, and a small house of homes. 32 addresses have to act together to use up the reserve. */
const fewShare = 1 / 32;
/** Nobody is sent away for longer: whoever turns round at the door again and again must not make the line long for others. */
const maxWaitSeconds = 120;

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
  /** How many came in within this second, by address. */
  readonly #recent = new Map<string, number>();
  #recentFromMs: number;

  constructor(options: ArrivalsOptions) {
    this.#perSecond = options.perSecond;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#tokens = options.perSecond;
    this.#filledAtMs = this.#nowMs();
    this.#recentFromMs = this.#filledAtMs;
  }

  /** 0: come in. Otherwise seconds to wait, at least 1. `address`: the unit in which limits count; without one, somebody new. */
  admit(address?: string): number {
    const nowMs = this.#nowMs();
    this.#fill(nowMs);
    const kept = this.#isOneOfFew(address) ? 0 : Math.floor(this.#perSecond * reservedShare);
    if (this.#tokens < 1 + kept) return this.#waitSeconds(nowMs);
    this.#tokens -= 1;
    if (address !== undefined) this.#recent.set(address, this.#countOf(address) + 1);
    return 0;
  }

  #isOneOfFew(address: string | undefined): boolean {
    if (address === undefined) return true;
    return this.#countOf(address) < Math.max(1, this.#perSecond * fewShare);
  }

  #countOf(address: string): number {
    return this.#recent.get(address) ?? 0;
  }

  #fill(nowMs: number): void {
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, filled);
    this.#filledAtMs = nowMs;
    if (nowMs - this.#recentFromMs < 1000) return;
    this.#recentFromMs = nowMs;
    this.#recent.clear();
  }

  #waitSeconds(nowMs: number): number {
    const lineEndMs = Math.max(this.#expectedUntilMs, nowMs) + 1000 / this.#perSecond;
    // Beyond that the line has no order any more, but nobody joins it for more than its second half.
    if (lineEndMs - nowMs > maxWaitSeconds * 1000)
      return Math.ceil((maxWaitSeconds * (1 + this.#random())) / 2);
    this.#expectedUntilMs = lineEndMs;
    // Retry-After knows whole seconds: rounded up or down at random, so that a second's worth does not return as one.
    const waitSeconds = (this.#expectedUntilMs - nowMs) / 1000;
    return Math.max(1, Math.floor(waitSeconds + this.#random()));
  }
}
