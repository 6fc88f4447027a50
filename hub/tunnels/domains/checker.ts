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
 * Looks at once: four questions each, which any resolver takes. A batch of them is over when the slowest is, 16 s later if
 * its name servers say nothing: so long do others wait at most, as the store gives the silent ones out last.
 */
const looksAtOnce = 16;
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
    const { signal } = this.#stopping;
    const before = await store.listByHostname(hostname);
    const living = before.filter(({ state }) => state !== 'dropped');
    if (living.length === 0) return before;
    const targets = await Promise.all(living.slice(0, maxTargets).map((c) => targetOf(c.serverId)));
    const tokens = living.map(({ token }) => token);
    const seen = await lookout.look(hostname, { targets, tokens }, signal);
    // What was not heard because the hub stops is no silence of theirs.
    if (signal.aborted) return before;
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
    let looked = 0;
    while (!this.#stopping.signal.aborted) {
      if (looked < looksAtOnce) await this.#pause();
      looked = await this.#round();
    }
  }

  async #round(): Promise<number> {
    const { store, onFailure } = this.#options;
    if (this.#stopping.signal.aborted) return 0;
    try {
      const now = this.#now();
      if (now.getTime() - this.#forgottenAtMs >= forgetEveryMs) {
        await store.forgetDropped(new Date(now.getTime() - keptAfterDropMs));
        this.#forgottenAtMs = now.getTime();
      }
      const due = await store.takeDue(now, looksAtOnce, leaseMs);
      const looks = await Promise.allSettled(due.map((hostname) => this.check(hostname)));
      // One of them says enough: it is the database that fails, for all of them.
      const failure = looks.find((look) => look.status === 'rejected');
      if (failure !== undefined) onFailure(failure.reason);
      return due.length;
    } catch (error) {
      onFailure(error);
      return 0;
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#tickMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopping.signal.aborted) this.#wake();
    });
  }
}
