// Strangers come to the agents' door and finish their handshakes; whether there is time for one more of them now leaves.

export interface CrushOptions {
  /** Handshakes that may be under way at once while the process is behind. */
  readonly mostWhenLate: number;
  readonly nowMs?: () => number;
}

const lookEveryMs = 100;
/** An idle hub is never as late, one that shakes hands with hundreds at once always is. */
const lateFromMs = 200;

/**
 * Ten thousand agents that lost their hub dial at once. If all may begin a handshake, each waits for all the others: most give
 * up before it ends, and the work is lost. Whoever finds the hub behind its time, and many before it, is turned away for the
 * price of an accept, and comes back after its back-off. While the hub keeps up nobody is: strangers who only hold their
 * connections open cannot close the door.
 */
export class Crush {
  readonly #mostWhenLate: number;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #lookedAtMs: number;
  #lateMs = 0;
  #underWay = 0;

  constructor(options: CrushOptions) {
    this.#mostWhenLate = options.mostWhenLate;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#lookedAtMs = this.#nowMs();
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  /** True: a handshake begins, and `leave` is called once when it is over. */
  enter(): boolean {
    // The timer of a process that is very late has not run yet either.
    const lateMs = Math.max(this.#lateMs, this.#nowMs() - this.#lookedAtMs - lookEveryMs);
    if (lateMs >= lateFromMs && this.#underWay >= this.#mostWhenLate) return false;
    this.#underWay += 1;
    return true;
  }

  leave(): void {
    this.#underWay -= 1;
  }

  look(): void {
    const now = this.#nowMs();
    this.#lateMs = now - this.#lookedAtMs - lookEveryMs;
    this.#lookedAtMs = now;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
