// What each kind of fuzzing brings: cases made of random numbers, and a judge who counts or throws.

import type { Buffer } from 'node:buffer';

import type { Random } from '../support/random.ts';

export interface Campaign {
  /** The pieces in which a peer sends its bytes. `at`: which of the cases it is. */
  make(random: Random, at: number): Buffer[];
  /** @throws Disagreement */
  judge(pieces: readonly Buffer[], tally: Tally): Promise<void>;
  stop(): void;
  /** Parts of a case are cases too: what it means is in its bytes. */
  readonly canShrink: boolean;
}

/** How often each thing happened. */
export class Tally {
  readonly counts: Record<string, number> = {};

  add(what: string, times: number): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  addAll(counts: Readonly<Record<string, number>>): void {
    for (const [what, times] of Object.entries(counts)) this.add(what, times);
  }
}
