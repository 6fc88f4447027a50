// Samples of contenders arrive, round by round; their medians leave, beside what the product should reach.

import type { ContenderName } from './contender.ts';
import { median } from './statistics.ts';

export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly wanted?: Wanted;
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
