// The wish for one link arrives; that link stands, replaced by itself when it ends and before it drains, until the agent stops.

import { once } from 'node:events';

import type { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import { AgentFailure, asFailure } from './failure.ts';
import type { Link } from './link.ts';
import type { Slots } from './slots.ts';
import { supervise, type News, type Outcome, type Wait } from './supervise.ts';

/** One that stands: it takes streams until it is retired, and carries them until it is closed. */
export interface Standing {
  readonly link: Link;
  readonly index: number;
  readonly since: Date;
  isRetired: boolean;
}

/** What a keeper shares with those of the other links. */
export interface Company {
  readonly slots: Slots;
  readonly dial: (index: number, slot: number, signal: AbortSignal) => Promise<Standing>;
  readonly sleep: (wait: Wait, signal: AbortSignal) => Promise<void>;
  /** Whether any link takes streams; of those since then, if a time is given. */
  readonly hasLive: (since?: Date) => boolean;
  /** This link was put out by another agent with the same key. False: one of the others has told of it. */
  readonly isNewRival: (index: number) => boolean;
  readonly standbyMs?: number | undefined;
  /** Around each attempt: what a refusal of the agent's key means. */
  readonly guard: <Result>(attempt: () => Promise<Result>) => Promise<Result>;
  readonly backoff: () => Backoff;
  readonly log: Logger;
  /** It waits, or with no time it dials. */
  readonly onWait: (index: number, retryInMs: number | undefined) => void;
  readonly onFailure: (failure: AgentFailure, retryInMs: number | undefined) => void;
}

export class LinkKeeper {
  readonly #index: number;
  readonly #company: Company;
  readonly #backoff: Backoff;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  /** The last one it had: a link that comes back into it replaces one that the hub cannot know to be dead. */
  #slot: number;

  constructor(index: number, company: Company, signal: AbortSignal) {
    this.#index = index;
    this.#slot = index;
    this.#company = company;
    this.#backoff = company.backoff();
    this.#log = company.log.child({ slot: index });
    this.#signal = signal;
  }

  /** Resolves when the signal aborts, or when a failure leaves nothing to try. Cannot throw. */
  run(): Promise<Outcome<never>> {
    const { sleep, onWait, onFailure, guard, standbyMs } = this.#company;
    return supervise(async () => guard(async () => this.#attempt()), {
      backoff: this.#backoff,
      signal: this.#signal,
      log: this.#log,
      random: Math.random,
      standbyMs,
      sleep,
      news: (failure) => this.#news(failure),
      onFailure: (failure, retryInMs) => {
        onWait(this.#index, retryInMs);
        onFailure(failure, retryInMs);
      },
    });
  }

  #news({ code }: AgentFailure): News {
    const { hasLive, isNewRival } = this.#company;
    if (code === 'link.replaced') {
      const level = isNewRival(this.#index) ? 'error' : 'debug';
      return { level, message: 'another agent with the same key has taken over' };
    }
    // While another link lives, no visitor notices anything.
    if (hasLive()) return { level: 'warn', message: 'link down' };
    // A planned restart of the hub is nobody's alarm.
    return { level: code === 'link.draining' ? 'warn' : 'error', message: 'not connected' };
  }

  async #attempt(): Promise<never> {
    const { slots, hasLive } = this.#company;
    for (;;) {
      const standing = await this.#dial();
      this.#backoff.connected();
      const failure = await this.#stay(standing);
      // A hub that knows slots puts out none of ours for another of ours: that was another agent.
      const isForOurs = standing.link.maxLinks === 1 && hasLive(standing.since);
      if (failure.code !== 'link.replaced' || !isForOurs) throw failure;
      // A hub that knows one link of an agent: two would put each other out for ever.
      this.#log.info('the hub keeps one link of this agent');
      slots.grant(1);
    }
  }

  async #dial(): Promise<Standing> {
    const { slots, dial, onWait } = this.#company;
    const slot = await slots.take(this.#slot, this.#signal);
    if (slot === undefined) throw stops();
    this.#slot = slot;
    try {
      onWait(this.#index, undefined);
      return await dial(this.#index, slot, this.#signal);
    } finally {
      slots.give(slot);
    }
  }

  /** Until it takes no more streams and no other has taken its place. */
  async #stay(first: Standing): Promise<AgentFailure> {
    let standing = first;
    /** Where it moved from: what that hub still has to serve runs over it to the end. */
    let former: Standing | undefined;
    for (;;) {
      const { retired, moveAsked } = standing.link;
      const failure = await unlessAborted(Promise.race([retired, moveAsked]), this.#signal);
      if (this.#signal.aborted) return stops();
      if (failure === undefined) {
        const next = await this.#move(standing);
        if (next !== undefined) [former, standing] = [standing, next];
      } else {
        if (former === undefined || former.isRetired) return failure;
        // The hub that it moved to has ended before the one it came from, which may go on, or ask again.
        this.#log.warn({ err: failure }, 'link down, back to the former one');
        [former, standing] = [undefined, former];
      }
    }
  }

  /** Another link in the same slot, while this one goes on (rule P54). Undefined when this one is over first. */
  async #move(former: Standing): Promise<Standing | undefined> {
    const { sleep, dial } = this.#company;
    const backoff = this.#company.backoff();
    for (;;) {
      // Everybody on that hub was asked in the same moment.
      await sleep({ ms: backoff.next(), mayBeCut: false }, this.#signal);
      if (former.isRetired || this.#signal.aborted) return undefined;
      try {
        const next = await dial(this.#index, former.link.slot, this.#signal);
        former.link.moved();
        return next;
      } catch (error) {
        this.#log.debug({ err: asFailure(error) }, 'no other link yet');
      }
    }
  }
}

/** Undefined when the signal comes first; its listener goes with the wait. */
async function unlessAborted<Result>(
  waited: Promise<Result>,
  signal: AbortSignal,
): Promise<Result | undefined> {
  if (signal.aborted) return undefined;
  const over = new AbortController();
  const aborted = once(signal, 'abort', { signal: over.signal }).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([waited, aborted]);
  } finally {
    over.abort();
  }
}

function stops(): AgentFailure {
  return new AgentFailure('link.draining', 'the agent stops');
}
