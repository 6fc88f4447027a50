// Samples of contenders arrive, round by round; their medians leave, beside what the product should reach.

import { contenderNames, type ContenderName } from './contender.ts';
import { median } from './statistics.ts';

export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly wanted?: Wanted;
  /** Ids of two other figures: it is the one's median against the other's, for each contender. */
  readonly ratio?: { readonly of: string; readonly to: string };
  /** Not worth a line where all have zero. */
  readonly isOnlyTrouble?: boolean;
}

/** What the hub with its agent should reach: a share of what ssh does, or a number of its own. Never a verdict on a run. */
export type Wanted =
  | { readonly timesSsh: number }
  | { readonly atLeast: number }
  | { readonly atMost: number };

/** By the id of a figure, or of a part of one: `cpu.1/agent`. */
export type Values = Readonly<Record<string, number>>;

export class Sheet {
  readonly #samples = new Map<string, number[]>();

  add(contender: ContenderName, values: Values): void {
    for (const [id, value] of Object.entries(values)) {
      const key = `${contender} ${id}`;
      this.#samples.set(key, [...(this.#samples.get(key) ?? []), value]);
    }
  }

  samples(contender: ContenderName, id: string): readonly number[] {
    return this.#samples.get(`${contender} ${id}`) ?? [];
  }

  /** Undefined where it was not measured. */
  median(contender: ContenderName, id: string): number | undefined {
    const samples = this.samples(contender, id);
    return samples.length === 0 ? undefined : median(samples);
  }

  /** Fills the figures that are ratios of others, where both were measured. */
  addRatios(figures: readonly Figure[]): void {
    for (const { id, ratio } of figures) {
      if (ratio === undefined) continue;
      for (const contender of contenderNames) {
        const of = this.median(contender, ratio.of);
        const to = this.median(contender, ratio.to);
        if (of !== undefined && to !== undefined) this.add(contender, { [id]: of / to });
      }
    }
  }

  /** The product's median against another's. */
  ratio(id: string, to: Exclude<ContenderName, 'hub'>): number | undefined {
    const [ours, theirs] = [this.median('hub', id), this.median(to, id)];
    return ours === undefined || theirs === undefined ? undefined : ours / theirs;
  }

  /** Medians of a figure's parts, by their names. */
  parts(contender: ContenderName, id: string): [name: string, value: number][] {
    const prefix = `${contender} ${id}/`;
    return [...this.#samples]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, samples]) => [key.slice(prefix.length), median(samples)]);
  }
}
