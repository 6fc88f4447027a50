// Somebody reaches a limit; the last two hundred of these leave, for whoever wonders why a visitor was turned away (security row A-25).

export interface Trip {
  readonly at: Date;
  /** A code of the table of errors, such as `login.locked`, or the setting of the limit. */
  readonly limit: string;
  /** Whom it is counted against: an address, an account's id. Undefined: nobody knows. */
  readonly who: string | undefined;
  /** How often in a row: a program that tries again every second is one line. */
  readonly times: number;
}

export interface TripBook {
  /** The youngest first. */
  list(): readonly Trip[];
  /** Of this process, since its start. */
  readonly total: number;
}

/** What fits on a page, and says which limit it is and whom it hits; the metrics have the whole count. */
const kept = 200;

export class Trips implements TripBook {
  readonly #now: () => Date;
  #trips: Trip[] = [];
  #total = 0;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  get total(): number {
    return this.#total;
  }

  note(limit: string, who: string | undefined): void {
    this.#total += 1;
    const at = this.#now();
    const last = this.#trips[0];
    if (last !== undefined && last.limit === limit && last.who === who)
      this.#trips[0] = { ...last, at, times: last.times + 1 };
    else this.#trips = [{ at, limit, who, times: 1 }, ...this.#trips.slice(0, kept - 1)];
  }

  list(): readonly Trip[] {
    return this.#trips;
  }
}
