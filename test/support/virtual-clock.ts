// A beginning arrives; a clock leaves that stands still until a test lets it go, and then jumps from timer to timer: a year takes seconds.

import type { SetTimer } from '../../hub/certificates/life/timer.ts';

interface Timer {
  readonly at: number;
  readonly turn: number;
  readonly callback: () => void;
}

export class VirtualClock {
  /** Sorted by moment as a binary heap; thousands of leases and polls come and go in it. */
  readonly #heap: Timer[] = [];
  readonly #cancelled = new Set<Timer>();
  #now: number;
  #turn = 0;

  constructor(start: Date) {
    this.#now = start.getTime();
  }

  readonly now = (): Date => new Date(this.#now);

  readonly setTimer: SetTimer = (callback, delayMs) => {
    this.#turn += 1;
    const timer = { at: this.#now + Math.max(0, delayMs), turn: this.#turn, callback };
    this.#push(timer);
    return () => void this.#cancelled.add(timer);
  };

  async sleep(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.setTimer(resolve, delayMs);
    });
  }

  /** As when somebody sets the machine's clock, or it was suspended: what waits, waits as long as before. */
  jump(byMs: number): void {
    const waiting = this.#heap.splice(0);
    this.#now += byMs;
    for (const timer of waiting) this.#push({ ...timer, at: timer.at + byMs });
  }

  /** Everything that is due until then happens, at its moment and with all that follows from it. */
  async runUntil(end: Date): Promise<void> {
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      // What is due at the same moment needs no turn of the event loop of its own.
      for (let same = this.#next(this.now()); same !== undefined; same = this.#next(this.now())) {
        same.callback();
      }
      await settled();
    }
    this.#now = Math.max(this.#now, end.getTime());
  }

  async run(forMs: number): Promise<void> {
    await this.runUntil(new Date(this.#now + forMs));
  }

  #next(end: Date): Timer | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined) return undefined;
      const isCancelled = this.#cancelled.delete(first);
      if (!isCancelled && first.at > end.getTime()) return undefined;
      this.#pop();
      if (!isCancelled) return first;
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isOther = other !== undefined && isBefore(other, one);
      const child = isOther ? other : one;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = isOther ? left + 1 : left;
    }
    heap[index] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at === b.at ? a.turn < b.turn : a.at < b.at;
}

/** Until all that waits for nothing but each other has run: promises first, then what was put off to the next turn. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
