// Requests arrive with the server they are for; a meter leaves for each, and the sums of all of them when somebody asks.

import { ExchangeCounts } from './exchange-counts.ts';
import type { LiveStream } from './live-stream.ts';
import { Meter, type MeteredRequest } from './meter.ts';
import {
  difference,
  isNothing,
  nothingCounted,
  OwnerTally,
  sum,
  Tally,
  type Counted,
} from './tally.ts';

/** Whose request it is. */
export interface MeteredServer {
  readonly serverId: string;
  /** Undefined for a server that enrolled a moment ago. */
  readonly ownerId: string | undefined;
}

/** What one server moved since it was asked last. */
export interface Portion {
  readonly serverId: string;
  readonly ownerId: string;
  readonly counted: Counted;
}

/** Each is four lines of every scrape. */
const maxNamed = 100;

/** Enrolled a moment ago: counted for the server, and for whoever it turns out to belong to with the next request. */
const nobody = '';

export class Ledger {
  readonly #tallies = new Map<string, Tally<Meter>>();
  readonly #owners = new Map<string, OwnerTally>();
  /** What has been taken of each tally. */
  readonly #taken = new Map<string, Counted>();
  /** Of servers whose tally is gone, so that the sum over all never falls. */
  #former: Counted = nothingCounted;
  /** The same for the servers that monitoring may tell apart: the first that came. */
  readonly #named = new Map<string, Counted>();
  #waits = 0;
  /** Of all exchanges together. */
  readonly counts = new ExchangeCounts();
  readonly #onTally: (tally: Tally<Meter>) => void;

  /** `onTally`: of each server and owner that is new here, before its first byte; it may be given a rate. */
  constructor(onTally: (tally: Tally<Meter>) => void = () => undefined) {
    this.#onTally = onTally;
  }

  /** A request that was let in. It counts as running until its meter is closed. */
  open(request: MeteredRequest, server: MeteredServer): Meter {
    const tally = this.tally(server);
    const meter = new Meter(request, tally, this.counts);
    tally.begin(meter);
    return meter;
  }

  /** A request that the edge answers by itself: only its status counts. */
  refused(request: MeteredRequest, server: MeteredServer): Meter {
    return new Meter(request, this.tally(server), this.counts);
  }

  tally({ serverId, ownerId }: MeteredServer): Tally<Meter> {
    const known = this.#tallies.get(serverId);
    if (known !== undefined && (ownerId === undefined || known.owner.ownerId === ownerId))
      return known;
    const owner = this.#owner(ownerId ?? nobody);
    const tally = known ?? new Tally<Meter>(serverId, owner);
    tally.owner.servers.delete(serverId);
    tally.owner = owner;
    owner.servers.add(serverId);
    this.#tallies.set(serverId, tally);
    if (this.#named.size < maxNamed && !this.#named.has(serverId))
      this.#named.set(serverId, nothingCounted);
    this.#onTally(tally);
    return tally;
  }

  get tallies(): Iterable<Tally<Meter>> {
    return this.#tallies.values();
  }

  find(serverId: string): Tally<Meter> | undefined {
    return this.#tallies.get(serverId);
  }

  /** Of all servers of an owner. */
  talliesOf(ownerId: string): Tally<Meter>[] {
    const servers = this.#owners.get(ownerId)?.servers ?? [];
    return [...servers].flatMap((serverId) => this.#tallies.get(serverId) ?? []);
  }

  /** Of one owner's servers, or of all. */
  running(ownerId?: string): number {
    if (ownerId !== undefined) return this.#owners.get(ownerId)?.running ?? 0;
    return [...this.#owners.values()].reduce((sum, { running }) => sum + running, 0);
  }

  /** Of one server, or of all. */
  live(serverId: string | undefined, nowMs: number): LiveStream[] {
    const found = serverId === undefined ? undefined : this.#tallies.get(serverId);
    const tallies = serverId === undefined ? [...this.#tallies.values()] : found ? [found] : [];
    return tallies.flatMap(({ live }) => Array.from(live, (meter) => meter.view(nowMs)));
  }

  /** Since the start of the process. */
  total(): Counted {
    let total = this.#former;
    for (const tally of this.#tallies.values()) total = sum(total, tally.counted());
    return total;
  }

  /** How often an exchange had to wait for a rate, since the start of the process. */
  get waits(): number {
    return [...this.#tallies.values()].reduce((waits, tally) => waits + tally.waits, this.#waits);
  }

  /** Of the first servers that moved anything, for a bounded number of names; what the others moved is in `total` only. */
  totalsByServer(): Map<string, Counted> {
    const totals = new Map<string, Counted>();
    for (const [serverId, former] of this.#named) {
      const tally = this.#tallies.get(serverId);
      totals.set(serverId, tally === undefined ? former : sum(former, tally.counted()));
    }
    return totals;
  }

  /** What came since the last time, to be stored. Servers at rest are forgotten by the way. */
  take(): Portion[] {
    const portions: Portion[] = [];
    for (const [serverId, tally] of this.#tallies) {
      const portion = this.untaken(tally);
      if (!isNothing(portion)) {
        portions.push({ serverId, ownerId: tally.owner.ownerId, counted: portion });
        this.#taken.set(serverId, tally.counted());
      } else if (tally.live.size === 0) {
        this.#forget(tally);
      }
    }
    return portions;
  }

  /** What nobody has taken yet. */
  untaken(tally: Tally): Counted {
    return difference(tally.counted(), this.#taken.get(tally.serverId) ?? nothingCounted);
  }

  #forget(tally: Tally<Meter>): void {
    this.#former = sum(this.#former, tally.counted());
    this.#waits += tally.waits;
    const named = this.#named.get(tally.serverId);
    if (named !== undefined) this.#named.set(tally.serverId, sum(named, tally.counted()));
    this.#tallies.delete(tally.serverId);
    this.#taken.delete(tally.serverId);
    const { owner } = tally;
    owner.servers.delete(tally.serverId);
    if (owner.running === 0 && owner.servers.size === 0) this.#owners.delete(owner.ownerId);
  }

  #owner(ownerId: string): OwnerTally {
    const owner = this.#owners.get(ownerId) ?? new OwnerTally(ownerId);
    this.#owners.set(ownerId, owner);
    return owner;
  }
}
