// Time passes; every domain is looked at in its turn, and what became of it is stored, on one process of the hub at a time.

import type { DomainClaim, DomainState, DomainStore } from './domain.ts';
import { judge } from './judgement.ts';
import { keptAfterDropMs, type DomainLimits } from './limits.ts';
import type { Lookout } from './lookout.ts';

export interface DomainCheckerOptions {
  readonly store: DomainStore;
  readonly lookout: Lookout;
  readonly limits: DomainLimits;
  /** Where the domains of this server are to point: a name of ours. */
  readonly targetOf: (serverId: string) => Promise<string>;
  readonly onChange: (claim: DomainClaim, former: DomainState) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now?: () => Date;
  readonly random?: () => number;
}

/** One indexed question to the database, by each process. A claim that a command adds is looked at within this time. */
const tickMs = 5000;
/**
 * Looks at once: four questions each, which any resolver takes. One at silent name servers holds its place for seconds; the
 * store gives those out last, so that each place that gets free goes to others first.
 */
const looksAtOnce = 64;
const patienceMs = 20_000;
/**
 * For names that never said anything, or nothing the last time: whoever adds a thousand of them, his owner's share, keeps
 * others waiting for 80 s.
 */
const silentPatienceMs = 5000;
const leaseMs = 60_000;
const forgetEveryMs = 3_600_000;
/** Two owners hand a domain over; however many more claim it cost no questions. */
const maxTargets = 4;

export class DomainChecker {
  readonly #options: DomainCheckerOptions;
  readonly #now: () => Date;
  readonly #tickMs: number;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #stopWatching: (() => Promise<void>) | undefined;
  #wake: () => void = () => undefined;
  #forgottenAtMs = 0;
  readonly #looks = new Set<Promise<void>>();
  /** More were due than there were places. */
  #hasMore = false;
  #isFailing = false;

  constructor(options: DomainCheckerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#tickMs = Math.min(tickMs, options.limits.checkIntervalMs);
  }

  async start(): Promise<void> {
    this.#stopWatching = await this.#options.store.watch(() => this.#wake());
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#stopWatching?.();
    await this.#running;
  }

  /** One look now, whether it is due or not. All claims to the hostname as they stand afterwards. */
  async check(hostname: string): Promise<DomainClaim[]> {
    const { store, lookout, limits, targetOf, onChange, random } = this.#options;
    const before = await store.listByHostname(hostname);
    const living = before.filter(({ state }) => state !== 'dropped');
    if (living.length === 0) return before;
    const targets = await Promise.all(living.slice(0, maxTargets).map((c) => targetOf(c.serverId)));
    const tokens = living.map(({ token }) => token);
    const patience = AbortSignal.timeout(living.some(hasAnswered) ? patienceMs : silentPatienceMs);
    const signal = AbortSignal.any([this.#stopping.signal, patience]);
    const seen = await lookout.look(hostname, { targets, tokens }, signal);
    // What was not heard because the hub stops is no silence of theirs.
    if (this.#stopping.signal.aborted) return before;
    let former = new Map<string, DomainState>();
    const after = await store.revise(hostname, (claims) => {
      former = new Map(claims.map(({ id, state }) => [id, state]));
      return judge(claims, seen, limits, random);
    });
    for (const claim of after) {
      const state = former.get(claim.id) ?? claim.state;
      if (state !== claim.state) onChange(claim, state);
    }
    return after;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // None while all are taken; the look that ends first wakes it.
      const places = looksAtOnce - this.#looks.size;
      const due = await this.#takeDue(places);
      for (const hostname of due) this.#begin(hostname);
      this.#hasMore = due.length === places;
      await this.#pause();
    }
    await Promise.all(this.#looks);
  }

  async #takeDue(limit: number): Promise<string[]> {
    const { store } = this.#options;
    try {
      const now = this.#now();
      if (now.getTime() - this.#forgottenAtMs >= forgetEveryMs) {
        await store.forgetDropped(new Date(now.getTime() - keptAfterDropMs));
        this.#forgottenAtMs = now.getTime();
      }
      const due = await store.takeDue(now, limit, leaseMs);
      this.#isFailing = false;
      return due;
    } catch (error) {
      this.#tellFailure(error);
      return [];
    }
  }

  #begin(hostname: string): void {
    const look = this.check(hostname)
      .then(() => undefined)
      .catch((error: unknown) => this.#tellFailure(error))
      .finally(() => {
        this.#looks.delete(look);
        if (this.#hasMore) this.#wake();
      });
    this.#looks.add(look);
  }

  /** Once until a question is answered again, and not for each of thousands: it is the database that fails. */
  #tellFailure(error: unknown): void {
    if (!this.#isFailing) this.#options.onFailure(error);
    this.#isFailing = true;
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#tickMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      const hasPlace = this.#hasMore && this.#looks.size < looksAtOnce;
      if (hasPlace || this.#stopping.signal.aborted) this.#wake();
    });
  }
}

function hasAnswered({ finding }: DomainClaim): boolean {
  return finding !== undefined && finding.proof !== 'unanswered' && finding.way !== 'unanswered';
}
