// Those who want to dial arrive; each leaves with a slot of its own, as soon as the hub grants so many and no other link has it.

import { maxLinksPerAgent } from '../shared/wire/limits.ts';

export interface SlotsOptions {
  /** What a former process of this agent still holds. */
  readonly reserved?: readonly number[];
  /** As it heard from the hub. */
  readonly granted?: number;
}

/** Slots are numbered from 0 and below the hub's limit (rule P14); of two links in one slot the hub keeps the later. */
export class Slots {
  readonly #held = new Map<number, number>();
  readonly #waiting = new Set<() => void>();
  #reserved: ReadonlySet<number>;
  /** Unknown before the first welcome: until then the first slot dials alone. */
  #granted: number | undefined;

  constructor({ reserved = [], granted }: SlotsOptions = {}) {
    this.#reserved = new Set(reserved);
    this.#granted = granted;
  }

  get granted(): number {
    return this.#granted ?? maxLinksPerAgent;
  }

  /** How many links the hub lets this agent have. */
  grant(limit: number): void {
    this.#granted = limit;
    this.#wake();
  }

  /** Those with a link, or with one on its way. */
  get held(): number[] {
    return [...this.#held.keys()];
  }

  /** Leaves all others to a successor, until it takes over or lets go. */
  keepToHeld(): void {
    const all = Array.from({ length: this.granted }, (_, slot) => slot);
    this.#reserved = new Set(all.filter((slot) => !this.#held.has(slot)));
  }

  /** The other process has let go. */
  release(): void {
    this.#reserved = new Set();
    this.#wake();
  }

  /** Its own if it is free, else the lowest; waits for one. Undefined when the signal aborts. */
  async take(own: number, signal: AbortSignal): Promise<number | undefined> {
    while (!signal.aborted) {
      const slot = this.#free(own);
      if (slot !== undefined) {
        this.hold(slot);
        return slot;
      }
      await this.#change(signal);
    }
    return undefined;
  }

  /** Once more, for the link that replaces another in its slot. */
  hold(slot: number): void {
    this.#held.set(slot, (this.#held.get(slot) ?? 0) + 1);
  }

  give(slot: number): void {
    const rest = (this.#held.get(slot) ?? 1) - 1;
    if (rest > 0) this.#held.set(slot, rest);
    else this.#held.delete(slot);
    this.#wake();
  }

  #free(own: number): number | undefined {
    if (this.#granted === undefined && own > 0) return undefined;
    // Counted, too: a hub that grants one means one, whatever its number.
    if (this.#held.size + this.#reserved.size >= this.granted) return undefined;
    const isFree = (slot: number): boolean => !this.#held.has(slot) && !this.#reserved.has(slot);
    const slots = Array.from({ length: this.granted }, (_, slot) => slot).filter(isFree);
    return slots.includes(own) ? own : slots[0];
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', settle);
        resolve();
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', settle);
    });
  }

  #wake(): void {
    for (const settle of this.#waiting) settle();
  }
}
