// A number of links to keep arrives; they stand side by side on the ways that are open, and answer together for what they carry.

import { setTimeout as after } from 'node:timers/promises';

import type { Backoff } from '../shared/backoff.ts';
import type { Logger } from '../shared/log.ts';
import type { AgentFailure } from './failure.ts';
import { LinkKeeper, type Company, type Standing } from './link-keeper.ts';
import { openLink, type Link, type LinkRequest } from './link.ts';
import type { Slots } from './slots.ts';
import type { LinkStatus } from './status.ts';
import type { Outcome, Wait } from './supervise.ts';
import type { Ways } from './ways.ts';

export interface LinksOptions {
  readonly count: number;
  readonly request: Omit<LinkRequest, 'tunnelUrl' | 'slot' | 'signal'>;
  readonly ways: Ways;
  readonly slots: Slots;
  /** Where the tunnel is today; undefined when the hub does not say. */
  readonly askTunnelUrls: (signal: AbortSignal) => Promise<readonly string[] | undefined>;
  /** See Company. */
  readonly guard?: Company['guard'];
  readonly backoff: () => Backoff;
  /** See Supervision. */
  readonly standbyMs?: number | undefined;
  readonly log: Logger;
  readonly onUp: (link: Link) => void;
  /** A link takes no more streams. */
  readonly onDown: () => void;
  readonly onFailure: (failure: AgentFailure, retryInMs: number | undefined) => void;
}

/** Half of what a ping may take on an ordinary day: a line with a film on it answers late, and is not to be cut for that. */
const probeDeadlineMs = 5000;
/** A network that changes all the time must not keep an attempt from its end. */
const maxRestarts = 3;

export class Links {
  readonly #options: LinksOptions;
  readonly #standing = new Set<Standing>();
  /** Those that another agent with the same key has put out. */
  readonly #outranked = new Set<number>();
  /** For those that have no link: since when, and when they try again. */
  readonly #waits = new Map<number, { since: Date; retryAt: Date | undefined }>();
  #change = new AbortController();
  #asking: Promise<void> | undefined;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Resolves when the signal aborts, or when a failure leaves nothing to try. Cannot throw. */
  async run(signal: AbortSignal): Promise<Outcome<never>> {
    const stop = new AbortController();
    const whole = AbortSignal.any([signal, stop.signal]);
    const company = this.#company();
    const keepers = Array.from({ length: this.#options.count }, async (_, index) => {
      const outcome = await new LinkKeeper(index, company, whole).run();
      // What ends one for good (revoked) ends them all.
      stop.abort();
      return outcome;
    });
    const outcomes = await Promise.all(keepers);
    return outcomes.find(({ end }) => end === 'stopped') ?? { end: 'interrupted' };
  }

  /** Those that take streams. */
  get live(): readonly Link[] {
    return [...this.#standing].filter(({ isRetired }) => !isRetired).map(({ link }) => link);
  }

  get streamCount(): number {
    return [...this.#standing].reduce((sum, { link }) => sum + link.session.streamCount, 0);
  }

  status(): LinkStatus[] {
    const standing = [...this.#standing];
    const linked = new Set(standing.filter((one) => !one.isRetired).map(({ index }) => index));
    const waiting = [...this.#waits].filter(([index]) => !linked.has(index));
    return [
      ...standing.map((one) => describe(one)),
      ...waiting.map(([, { since, retryAt }]) => ({
        state: retryAt === undefined ? ('connecting' as const) : ('waiting' as const),
        since: since.toISOString(),
        retryAt: retryAt?.toISOString(),
      })),
    ];
  }

  /** What was sent from an address that is gone gets no answer; of the others nobody knows until they are asked. */
  networkChanged(hasAddress: (address: string) => boolean): void {
    this.#options.log.debug('the network changed');
    this.#options.ways.forget();
    for (const { link } of this.#standing) {
      if (hasAddress(link.localAddress)) link.session.probe(probeDeadlineMs);
      else link.session.destroy(new Error(`the address ${link.localAddress} is gone`));
    }
    this.#change.abort();
    this.#change = new AbortController();
  }

  /** Takes no more streams, lets the running ones finish for a while, then cuts what is left. Returns how many were cut. */
  async drain(drainMs: number): Promise<number> {
    const standing = [...this.#standing];
    for (const { link } of standing) link.session.goaway('draining', 'the agent stops');
    const giveUp = new AbortController();
    await Promise.race([
      Promise.all(standing.map(({ link }) => link.closed)),
      after(drainMs, undefined, { signal: giveUp.signal }).catch(() => undefined),
    ]);
    giveUp.abort();
    const cut = this.streamCount;
    for (const { link } of this.#standing) link.session.destroy();
    return cut;
  }

  #company(): Company {
    const { slots, backoff, log, onFailure, guard = async (attempt) => attempt() } = this.#options;
    return {
      slots,
      guard,
      backoff,
      log,
      onFailure,
      dial: (index, slot, signal) => this.#dial(index, slot, signal),
      sleep: (wait, signal) => this.#sleep(wait, signal),
      hasLive: (from) =>
        [...this.#standing].some(
          ({ isRetired, since }) => !isRetired && (from === undefined || since >= from),
        ),
      isNewRival: (index) => {
        const isNew = this.#outranked.size === 0;
        this.#outranked.add(index);
        return isNew;
      },
      standbyMs: this.#options.standbyMs,
      onWait: (index, retryInMs) => this.#noteWait(index, retryInMs),
    };
  }

  async #dial(index: number, slot: number, signal: AbortSignal): Promise<Standing> {
    const { ways, log } = this.#options;
    // One question for all of them.
    if (ways.areLost) await (this.#asking ??= this.#ask(signal));
    const link = await ways.through(index, (url) => this.#open(url, slot, signal));
    const { tunnelUrl, remoteAddress, proxyUrl } = link;
    log.info({ slot, tunnel: tunnelUrl, address: remoteAddress, proxy: proxyUrl }, 'link up');
    return this.#welcome(link, index);
  }

  /** An attempt on a network that has gone is not waited for. */
  async #open(tunnelUrl: string, slot: number, signal: AbortSignal): Promise<Link> {
    for (let restarts = 0; ; restarts += 1) {
      const change = this.#change.signal;
      const either = AbortSignal.any([signal, change]);
      try {
        return await openLink({ ...this.#options.request, tunnelUrl, slot, signal: either });
      } catch (error) {
        if (signal.aborted || !change.aborted || restarts === maxRestarts) throw error;
      }
    }
  }

  /** The hub's ports may have moved; where it does not say, the known ones are tried again. */
  async #ask(signal: AbortSignal): Promise<void> {
    const urls = await this.#options.askTunnelUrls(signal);
    if (urls !== undefined) this.#options.ways.learn(urls);
    this.#asking = undefined;
  }

  #welcome(link: Link, index: number): Standing {
    const { slots, onUp, onDown } = this.#options;
    const standing: Standing = { link, index, since: new Date(), isRetired: false };
    this.#standing.add(standing);
    this.#outranked.delete(index);
    slots.hold(link.slot);
    slots.grant(link.maxLinks);
    void link.retired.then(() => {
      standing.isRetired = true;
      slots.give(link.slot);
      onDown();
    });
    void link.closed.then(() => this.#standing.delete(standing));
    onUp(link);
    return standing;
  }

  /** A change of the network is a reason to try now. */
  async #sleep({ ms, mayBeCut }: Wait, signal: AbortSignal): Promise<void> {
    const until = mayBeCut ? AbortSignal.any([signal, this.#change.signal]) : signal;
    await after(ms, undefined, { signal: until }).catch(() => undefined);
  }

  #noteWait(index: number, retryInMs: number | undefined): void {
    const since = new Date();
    const retryAt = retryInMs === undefined ? undefined : new Date(since.getTime() + retryInMs);
    this.#waits.set(index, { since, retryAt });
  }
}

function describe({ link, since, isRetired }: Standing): LinkStatus {
  const { session } = link;
  return {
    slot: link.slot,
    state: isRetired ? 'draining' : 'connected',
    since: since.toISOString(),
    tunnel: link.tunnelUrl,
    address: link.remoteAddress,
    proxy: link.proxyUrl,
    streams: session.streamCount,
    roundTripMs: session.rttMs,
  };
}
