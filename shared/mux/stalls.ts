// The beginnings and ends of waits arrive; how often and how long was waited leaves. Two additions for each wait, none for a byte.

export class Stalls {
  #count = 0;
  #open = 0;
  /** The sum of all ends less the sum of all beginnings. */
  #ms = 0;

  /** How many began. */
  get count(): number {
    return this.#count;
  }

  begin(nowMs: number): void {
    this.#count += 1;
    this.#open += 1;
    this.#ms -= nowMs;
  }

  /** Of one that began. */
  end(nowMs: number): void {
    this.#open -= 1;
    this.#ms += nowMs;
  }

  /** Those that still wait have waited until now. */
  seconds(nowMs: number): number {
    return Math.max(0, this.#ms + this.#open * nowMs) / 1000;
  }
}

/** What bytes waited for before they were sent: room on the line, or a reader at its end. */
export class SendStalls {
  readonly line = new Stalls();
  readonly credit = new Stalls();
}

/** One place where bytes may wait. */
export class Wait {
  readonly #stalls: Stalls;
  #isOpen = false;

  constructor(stalls: Stalls) {
    this.#stalls = stalls;
  }

  note(isWaiting: boolean, nowMs: number): void {
    if (isWaiting === this.#isOpen) return;
    this.#isOpen = isWaiting;
    if (isWaiting) this.#stalls.begin(nowMs);
    else this.#stalls.end(nowMs);
  }
}
