// Limits as they are stored arrive, and what was moved this month; whether one more exchange may begin leaves, and the rate at which it runs.

import type { Ledger, MeteredServer, Portion } from './ledger.ts';
import type { LimitScope, LimitSubject, TrafficLimits } from './limits.ts';
import { Neighbours, type NeighbourPost, type Shared } from './neighbours.ts';
import { Rate } from './rate.ts';
import type { Tally } from './tally.ts';

/** Where limits are kept. The store in hub/db implements it. */
export interface LimitStore {
  list(): Promise<readonly LimitEntry[]>;
  /** Undefined limits remove the entry. */
  set(subject: LimitSubject, limits: TrafficLimits | undefined): Promise<void>;
  /** Bytes of both ways since the instant, in the order of the subjects. */
  bytesSince(subjects: readonly LimitSubject[], since: Date): Promise<number[]>;
  /** Calls back whenever any process has set a limit. Returns the stop function. */
  watch(onChange: () => void): Promise<() => Promise<void> | void>;
}

export interface LimitEntry {
  readonly subject: LimitSubject;
  readonly limits: TrafficLimits;
}

export type QuotaCode = 'quota.bytes' | 'quota.streams';

/** Why a request may not begin, and when it is worth while to ask again. */
export interface QuotaRefusal {
  readonly code: QuotaCode;
  readonly retryAfterSeconds: number;
}

/** A film ends in hours and a page in a second: whoever waits for a place asks again this soon. */
const streamRetrySeconds = 10;
/** Who is over it once is over it a hundred times in this while, which says nothing more. */
const toldEveryMs = 600_000;

interface Held extends LimitEntry {
  readonly rate: Rate | undefined;
  /** Stored this month, by the last look. */
  storedBytes: number;
  month: number;
}

export class LimitBook {
  readonly #store: LimitStore;
  readonly #now: () => Date;
  readonly #entries = new Map<string, Held>();
  #ledger: Ledger | undefined;
  /** Reads run one after the other: an older answer must not overwrite a newer one. */
  #reading: Promise<void> = Promise.resolve();
  #stopWatching: (() => Promise<void> | void) | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #onExceeded: ((subject: LimitSubject, code: QuotaCode) => void) | undefined;
  /** Until when the same need not be told again. */
  readonly #told = new Map<string, number>();
  readonly #neighbours: Neighbours;

  constructor(options: {
    store: LimitStore;
    onFailure: (error: unknown) => void;
    /** Once for a month's bytes, and for exchanges once in ten minutes. */
    onExceeded?: (subject: LimitSubject, code: QuotaCode) => void;
    neighbours: NeighbourPost;
    /** Which process this is. */
    writer: string;
    now?: () => Date;
  }) {
    this.#store = options.store;
    this.#onFailure = options.onFailure;
    this.#onExceeded = options.onExceeded;
    this.#now = options.now ?? (() => new Date());
    this.#neighbours = new Neighbours({
      writer: options.writer,
      post: options.neighbours,
      shared: () => this.#shared(),
      onFailure: options.onFailure,
    });
  }

  /** Resolves when every limit is known and no change can be missed any more. */
  async start(ledger: Ledger): Promise<void> {
    this.#ledger = ledger;
    this.#stopWatching = await this.#store.watch(() => void this.refresh());
    await this.#neighbours.start();
    await this.#read();
  }

  async stop(): Promise<void> {
    await this.#stopWatching?.();
    await this.#reading;
    await this.#neighbours.stop();
  }

  /** Reads the limits and what counts towards them. Cannot reject. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read()).catch(this.#onFailure);
    return this.#reading;
  }

  of(subject: LimitSubject): TrafficLimits {
    return this.#entries.get(keyOf(subject))?.limits ?? {};
  }

  /** In force here at once, elsewhere by the store's word. */
  async set(subject: LimitSubject, limits: TrafficLimits): Promise<void> {
    const isNone = Object.values(limits).every((limit) => limit === undefined);
    await this.#store.set(subject, isNone ? undefined : limits);
    await this.refresh();
  }

  /** Undefined: it may begin. Where nothing is limited this is one look at an empty map. */
  refusal(server: MeteredServer): QuotaRefusal | undefined {
    if (this.#entries.size === 0) return undefined;
    const held = [this.#find('server', server.serverId), this.#find('account', server.ownerId)];
    for (const entry of held) {
      if (entry === undefined) continue;
      const refusal = this.#refusalBy(entry);
      if (refusal === undefined) continue;
      this.#tell(entry.subject, refusal);
      return refusal;
    }
    return undefined;
  }

  /** Gives a tally the rates that hold for it. */
  pace(tally: Tally): void {
    tally.rate = this.#find('server', tally.serverId)?.rate;
    tally.owner.rate = this.#find('account', tally.owner.ownerId)?.rate;
  }

  /** What leaves the ledger for the store goes on counting, until the next look at the store shows it. */
  taken(portions: readonly Portion[]): void {
    for (const { serverId, ownerId, counted } of portions) {
      const bytes = counted.bytesUp + counted.bytesDown;
      for (const entry of [this.#find('server', serverId), this.#find('account', ownerId)])
        if (entry !== undefined) entry.storedBytes += bytes;
    }
  }

  /** Of both ways, what lies in this process included. */
  spentBytes(subject: LimitSubject, storedBytes: number): number {
    let bytes = storedBytes;
    for (const tally of this.#talliesOf(subject)) {
      const { bytesUp = 0, bytesDown = 0 } = this.#ledger?.untaken(tally) ?? {};
      bytes += bytesUp + bytesDown;
    }
    return bytes;
  }

  monthStart(): Date {
    const now = this.#now();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  }

  #refusalBy(entry: Held): QuotaRefusal | undefined {
    const { subject, limits } = entry;
    if (limits.streams !== undefined && this.#running(subject) >= limits.streams)
      return { code: 'quota.streams', retryAfterSeconds: streamRetrySeconds };
    if (limits.bytesPerMonth === undefined) return undefined;
    const isThisMonth = entry.month === this.monthStart().getTime();
    const spent = this.spentBytes(subject, isThisMonth ? entry.storedBytes : 0);
    if (spent < limits.bytesPerMonth) return undefined;
    return { code: 'quota.bytes', retryAfterSeconds: this.#secondsLeft() };
  }

  #tell(subject: LimitSubject, { code, retryAfterSeconds }: QuotaRefusal): void {
    const key = `${keyOf(subject)} ${code}`;
    const now = this.#now().getTime();
    if (now < (this.#told.get(key) ?? 0)) return;
    this.#told.set(key, now + (code === 'quota.bytes' ? retryAfterSeconds * 1000 : toldEveryMs));
    this.#onExceeded?.(subject, code);
  }

  /** In all processes of the hub. */
  #running(subject: LimitSubject): number {
    return this.#runningHere(subject) + this.#neighbours.runningElsewhere(keyOf(subject));
  }

  #runningHere({ scope, id }: LimitSubject): number {
    if (scope === 'account') return this.#ledger?.running(id) ?? 0;
    return this.#ledger?.find(id)?.live.size ?? 0;
  }

  #talliesOf({ scope, id }: LimitSubject): readonly Tally[] {
    if (scope === 'account') return this.#ledger?.talliesOf(id) ?? [];
    const tally = this.#ledger?.find(id);
    return tally === undefined ? [] : [tally];
  }

  #secondsLeft(): number {
    const now = this.#now();
    const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
    return Math.ceil((next - now.getTime()) / 1000);
  }

  #find(scope: LimitScope, id: string | undefined): Held | undefined {
    return id === undefined ? undefined : this.#entries.get(keyOf({ scope, id }));
  }

  async #read(): Promise<void> {
    const entries = await this.#store.list();
    const since = this.monthStart();
    const counted = entries.filter(({ limits }) => limits.bytesPerMonth !== undefined);
    const bytes =
      counted.length === 0
        ? []
        : await this.#store.bytesSince(
            counted.map(({ subject }) => subject),
            since,
          );
    const former = new Map(this.#entries);
    this.#entries.clear();
    for (const entry of entries) {
      const { subject, limits } = entry;
      const rate = rateOf(limits, former.get(keyOf(subject))?.rate);
      const storedBytes = bytes[counted.indexOf(entry)] ?? 0;
      this.#entries.set(keyOf(subject), {
        subject,
        limits,
        rate,
        storedBytes,
        month: since.getTime(),
      });
    }
    for (const tally of this.#ledger?.tallies ?? []) this.pace(tally);
    this.#neighbours.follow();
  }

  /** Bytes of a month are counted in the database; what holds at every moment the processes tell each other. */
  *#shared(): Iterable<Shared> {
    for (const [key, { subject, limits, rate }] of this.#entries)
      if (limits.streams !== undefined || rate !== undefined)
        yield { key, rate, running: this.#runningHere(subject) };
  }
}

/** The same rate stays the same object: those who wait for it keep their turns. */
function rateOf({ megabitsPerSecond }: TrafficLimits, former: Rate | undefined): Rate | undefined {
  if (megabitsPerSecond === undefined) return undefined;
  return former?.megabitsPerSecond === megabitsPerSecond ? former : new Rate(megabitsPerSecond);
}

function keyOf({ scope, id }: LimitSubject): string {
  return `${scope} ${id}`;
}
