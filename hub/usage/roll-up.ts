// What exchanges moved since the last minute is taken from the ledger; it leaves for the store, once, by hour and day of UTC.

import type { Ledger, Portion } from './ledger.ts';
import { sum } from './tally.ts';
import type { TrafficQuestion, TrafficRow } from './usage.ts';

/** Where sums are kept. The store in hub/db implements it. */
export interface TrafficStore {
  /**
   * Adds to what is there; several processes may add to the same hour. A batch that arrives a second time, because the answer
   * to the first was lost, adds nothing.
   */
  add(batch: TrafficBatch): Promise<void>;
  read(question: TrafficQuestion): Promise<TrafficRow[]>;
  /** Drops what is older. */
  forget(before: Date): Promise<void>;
}

export interface TrafficBatch {
  /** Of this process; `sequence` rises by one with each of its batches. */
  readonly writer: string;
  readonly sequence: number;
  /** The hour to which it counts lies around it. */
  readonly at: Date;
  readonly portions: readonly Portion[];
}

export interface RollUpOptions {
  readonly ledger: Ledger;
  readonly store: TrafficStore;
  readonly writer: string;
  /** Whoever keeps account of what the store holds counts these among it, though they may still be on their way. */
  readonly onTaken: (portions: readonly Portion[]) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now?: () => Date;
}

export class RollUp {
  readonly #options: RollUpOptions;
  readonly #now: () => Date;
  /** Taken and not stored yet, oldest first. The first one may have been stored without our hearing of it. */
  #waiting: TrafficBatch[] = [];
  #sequence = 0;
  #sinceMs: number;
  #storing: Promise<void> = Promise.resolve();

  constructor(options: RollUpOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#sinceMs = this.#now().getTime();
  }

  /** Every minute, at its beginning, so that no minute lies in two hours; and at stop. Cannot reject. */
  flush(): Promise<void> {
    this.#take();
    this.#storing = this.#storing.then(() => this.#store());
    return this.#storing;
  }

  #take(): void {
    const portions = this.#options.ledger.take();
    // The time in which most of it moved, not the instant after which it is counted.
    const at = new Date(this.#sinceMs);
    this.#sinceMs = this.#now().getTime();
    if (portions.length === 0) return;
    this.#options.onTaken(portions);
    const last = this.#waiting.at(-1);
    const isSameHour = last !== undefined && hourOf(last.at) === hourOf(at);
    // The first one may be on its way: what it holds stays as it is.
    if (isSameHour && this.#waiting.length > 1)
      this.#waiting[this.#waiting.length - 1] = merged(last, portions);
    else this.#waiting.push(this.#batch(at, portions));
  }

  #batch(at: Date, portions: readonly Portion[]): TrafficBatch {
    this.#sequence += 1;
    return { writer: this.#options.writer, sequence: this.#sequence, at, portions };
  }

  async #store(): Promise<void> {
    const { store, onFailure } = this.#options;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      try {
        await store.add(next);
      } catch (error) {
        return onFailure(error);
      }
      this.#waiting = this.#waiting.slice(1);
    }
  }
}

function hourOf(at: Date): number {
  return Math.floor(at.getTime() / 3_600_000);
}

/** While the database is away minutes become one batch an hour, whatever number of servers. */
function merged(batch: TrafficBatch, portions: readonly Portion[]): TrafficBatch {
  const all = new Map(batch.portions.map((portion) => [keyOf(portion), portion]));
  for (const portion of portions) {
    const former = all.get(keyOf(portion));
    const counted = former ? sum(former.counted, portion.counted) : portion.counted;
    all.set(keyOf(portion), { ...portion, counted });
  }
  return { ...batch, portions: [...all.values()] };
}

function keyOf({ serverId, ownerId }: Portion): string {
  return `${serverId} ${ownerId}`;
}
