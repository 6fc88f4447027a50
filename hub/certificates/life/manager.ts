// What the hub wishes to hold arrives; it gets every certificate and keeps it, attempt by attempt, beside other processes that do the same.

import type { Logger } from '../../../shared/log.ts';
import type { Authority, AuthorityName } from '../acme/authority.ts';
import { createKeyAndCsr } from '../acme/csr.ts';
import type { ChallengeKind, Solver } from '../challenges/solver.ts';
import { Agenda } from './agenda.ts';
import type { AttemptParts } from './attempt-parts.ts';
import { attempt, type Outcome } from './attempt.ts';
import { isForRival, limitNames, limitsOf, type AuthorityLimits } from './budget.ts';
import type {
  CertificateStore,
  CertificateWish,
  ManagedCertificate,
  OrderLog,
  OrderRefusal,
} from './certificate.ts';
import { defaultPollMs, StoreFollower } from './follower.ts';
import { leaseMs } from './held-lease.ts';
import { Inventory, isHastened, type CertificateState } from './inventory.ts';
import { LeftAlone } from './left-alone.ts';
import { alternativeTo, orderKind } from './ordering.ts';
import { Releases, type Labels } from './releases.ts';
import { keptMs, nextStep, type Step } from './renewal.ts';
import type { KeyRing } from './sealing.ts';
import { setNodeTimer, type SetTimer } from './timer.ts';
import { wishKey } from './wishes.ts';

export interface CertificateManagerOptions {
  readonly store: CertificateStore;
  readonly orders: OrderLog;
  readonly authorities: ReadonlyMap<AuthorityName, Authority>;
  /** Where the wished authority fails again and again, or lets wait too long. */
  readonly fallback?: AuthorityName | undefined;
  readonly solverFor: (kind: ChallengeKind) => Solver;
  readonly keyRing: KeyRing;
  /** Before each order but in an emergency. Rejects with what the operator has to change. */
  readonly preflight?: (wish: CertificateWish, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
  readonly onAttempt?: (attempted: AttemptReport) => void;
  /** An authority's limits, where they are others than those published. */
  readonly limitsOf?: (authority: AuthorityName) => AuthorityLimits;
  readonly createKeyAndCsr?: AttemptParts['createKeyAndCsr'];
  readonly now?: () => Date;
  readonly random?: () => number;
  readonly setTimer?: SetTimer;
  readonly pollMs?: number;
}

/** For counters: one for each attempt that came to something. */
export interface AttemptReport {
  readonly certificate: CertificateState;
  readonly outcome: Outcome;
}

/** Most of an attempt is waiting for others, and the pace is bounded elsewhere; each holds a key in memory meanwhile. */
const attemptsAtOnce = 8;

/** `stop` waits this long for what is under way to end by itself. */
const stopMs = 800;

const minuteMs = 60_000;

/** A log line of ten thousand names is read by nobody; the number tells the rest. */
const namesTold = 20;

export class CertificateManager {
  readonly #options: CertificateManagerOptions;
  readonly #parts: AttemptParts;
  readonly #inventory = new Inventory();
  readonly #agenda = new Agenda();
  readonly #releases = new Releases();
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  /** By authority and limit: until when there is no room. Whoever counts towards it need not ask the database. */
  readonly #full = new Map<string, number>();
  /** Ids of those that were refused for an order of the same names. */
  readonly #behindRival = new Set<string>();
  #wishes: readonly CertificateWish[] | undefined;
  #wishedKeys: ReadonlySet<string> = new Set();
  #told: string | undefined;
  #lookedAt = new Date(0);
  #reconciling: Promise<void> = Promise.resolve();
  #follower: StoreFollower | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
    this.#parts = {
      ...options,
      fallback: options.fallback,
      preflight: options.preflight,
      createKeyAndCsr: options.createKeyAndCsr ?? createKeyAndCsr,
      isKept: (released) => this.#releases.isKept(released),
      limitsOf: options.limitsOf ?? limitsOf,
      leftAlone: new LeftAlone(),
      unended: new Set(),
      now: options.now ?? (() => new Date()),
      random: options.random ?? Math.random,
      setTimer: options.setTimer ?? setNodeTimer,
    };
  }

  /** Resolves when the store was read; orders go on from then. @throws what the store throws */
  async start(): Promise<void> {
    const { store, setTimer, log } = this.#parts;
    this.#follower = await StoreFollower.open({
      store,
      setTimer,
      pollMs: this.#options.pollMs ?? defaultPollMs,
      onRow: (row) => this.#noteRow(row),
      onGone: (id) => this.#noteGone(id),
      onFailure: (error) => log.warn({ err: error }, 'certificates could not be read'),
      onPoll: () => this.#look(),
    });
    await this.#reconcile();
    this.#tick();
  }

  /** Within a second, also in the middle of an order: the lease is given back, another process or start goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the hub stops'));
    this.#cancelTimer();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, stopMs);
    // A database that hangs must not hold the hub either.
    await Promise.race([Promise.all([this.#follower?.stop(), this.#ended()]), late]);
    clearTimeout(timer);
  }

  /** An order that was given up has proofs to take away, for which it needs the store that is closed next. */
  async #ended(): Promise<void> {
    await Promise.allSettled(this.#running.values());
    await Promise.allSettled(this.#parts.unended);
  }

  /**
   * All that is wished for from now on, and the labels of all servers; what is not among it any more is released. A store that
   * is away is told later.
   */
  async wishFor(wishes: readonly CertificateWish[], labels: Labels = new Map()): Promise<void> {
    this.#wishes = wishes;
    this.#wishedKeys = new Set(wishes.map(wishKey));
    this.#releases.note(wishes, labels);
    if (this.#follower === undefined) return;
    await this.#reconcile();
    // Whose server has gone meanwhile is not kept any longer.
    for (const state of this.#inventory.all()) {
      if (state.releasedAt !== undefined) this.#schedule(state);
    }
    this.#tick();
  }

  /** What is held and what is waited for, for commands and metrics. */
  states(): CertificateState[] {
    return this.#inventory.all();
  }

  /** One after the other, each with the latest wishes; `again` also where they were told before. */
  async #reconcile(how: 'once' | 'again' = 'once'): Promise<void> {
    if (how === 'again') this.#told = undefined;
    this.#reconciling = this.#reconciling.then(async () => this.#tellWishes());
    await this.#reconciling;
  }

  async #tellWishes(): Promise<void> {
    const wishes = this.#wishes;
    // Whoever computes them does so every minute, mostly with the same result.
    const text = JSON.stringify(wishes);
    if (wishes === undefined || text === this.#told) return;
    try {
      const now = this.#parts.now();
      const kept = this.#unexplained(new Set(wishes.map(wishKey)), now);
      await this.#parts.store.reconcile(wishes, now);
      this.#told = text;
      this.#warnOf(kept, now);
    } catch (error) {
      // The next look sees the difference.
      this.#parts.log.warn({ err: error }, 'wishes for certificates could not be stored');
    }
  }

  /** What is about to be released though nobody let it go. */
  #unexplained(wished: ReadonlySet<string>, now: Date): CertificateState[] {
    return this.#inventory.all().filter((state) => {
      const isHeld = state.releasedAt === undefined && (state.issued?.notAfter ?? now) > now;
      return isHeld && !wished.has(wishKey(state)) && this.#releases.isKept(state);
    });
  }

  #warnOf(kept: readonly CertificateState[], now: Date): void {
    if (kept.length === 0) return;
    this.#parts.log.warn(
      {
        names: kept.slice(0, namesTold).map(({ names }) => names.join(' ')),
        certificates: kept.length,
        servedUntil: new Date(now.getTime() + keptMs),
      },
      'the settings ask for these certificates no more: they are served until then or their own end, then forgotten and not revoked; if HUB_PUBLIC_URL, HUB_TENANT_DOMAIN or HUB_ACME_DIRECTORY is mistyped, mend it and restart, and they come back as they are',
    );
  }

  #stepOf(state: CertificateState, now: Date): Step {
    return nextStep(state, now, this.#releases.isKept(state));
  }

  /** Now and then: after a clock that jumped, a database that was away, or a process with other settings that has ended. */
  #look(): void {
    const now = this.#parts.now();
    // What was planned by a clock that ran ahead is planned again; one that was set forward needs no more than the tick.
    if (now < this.#lookedAt) {
      for (const state of this.#inventory.all()) this.#schedule(state);
    }
    this.#lookedAt = now;
    if (this.#wishes !== undefined && !this.#inventory.isSameAs(this.#wishedKeys)) {
      void this.#reconcile('again');
    }
    this.#tick();
  }

  #noteRow(row: ManagedCertificate): void {
    const former = this.#inventory.get(row.id);
    const state = this.#inventory.set(row);
    if (former !== undefined && isHastened(former, state)) {
      const { names, keyKind } = state;
      this.#parts.log.info(
        { names, keyKind },
        'certificate is ordered anew, a command asked for it',
      );
    }
    this.#schedule(state);
    // While the rows are still being read, what would stand in for one that is let go may not have come by yet.
    if (this.#follower !== undefined) this.#tick();
  }

  #noteGone(id: string): void {
    this.#behindRival.delete(id);
    this.#inventory.delete(id);
    this.#agenda.delete(id);
  }

  #schedule(state: CertificateState, notBefore = 0): void {
    // The end of what is under way plans anew.
    if (this.#running.has(state.id)) return;
    const now = this.#parts.now();
    const step = this.#stepOf(state, now);
    const times = [step.at.getTime(), notBefore];
    if (this.#isNeeded(state, step, now)) times.push(now.getTime() + minuteMs);
    this.#agenda.set(state.id, new Date(Math.max(...times)));
  }

  /** Whatever its row says: it stands in for another, or a process with other settings let go what this one wishes for. */
  #isNeeded(state: CertificateState, { kind, at }: Step, now: Date): boolean {
    if (kind !== 'retire') return false;
    const isWished = this.#wishedKeys.has(wishKey(state)) && !this.#inventory.hasLiveTwin(state);
    if (isWished && at <= now) void this.#reconcile('again');
    return isWished || this.#inventory.isStandIn(state, now);
  }

  #tick(): void {
    this.#cancelTimer();
    if (this.#stopping.signal.aborted) return;
    const now = this.#parts.now();
    while (this.#running.size < attemptsAtOnce) {
      const id = this.#agenda.takeDue(now);
      if (id === undefined) break;
      this.#beginOrPostpone(id, now);
    }
    const nextAt = this.#agenda.nextAt();
    // With all places taken, the attempt that ends first goes on.
    if (nextAt === undefined || this.#running.size >= attemptsAtOnce) return;
    const delayMs = Math.max(0, nextAt.getTime() - now.getTime());
    this.#cancelTimer = this.#parts.setTimer(() => this.#tick(), delayMs);
  }

  #beginOrPostpone(id: string, now: Date): void {
    const state = this.#inventory.get(id);
    if (state === undefined) return;
    const step = this.#stepOf(state, now);
    const isNeeded = this.#isNeeded(state, step, now);
    const roomAt = step.kind === 'order' ? this.#roomAt(state, now) : 0;
    if (isNeeded || step.at > now || roomAt > now.getTime()) {
      this.#schedule(state, roomAt);
      return;
    }
    this.#running.set(id, this.#run(state));
  }

  /** When one of its authorities has room for it, as far as is known here. One that was not told so yet asks, to have it on record. */
  #roomAt(state: CertificateState, now: Date): number {
    const isTold = state.attempts.lastError?.code === 'certificate.limit';
    const fullUntil = (authority: AuthorityName): number => {
      const kind = orderKind(state, authority, now);
      const limits = limitNames({ names: state.names, kind }, this.#parts.limitsOf(authority));
      const counting = limits.filter((limit) => isTold || limit === 'pace');
      return Math.max(0, ...counting.map((limit) => this.#full.get(`${authority} ${limit}`) ?? 0));
    };
    const own = fullUntil(state.authority);
    const other = alternativeTo(state.authority, this.#parts);
    return other === undefined ? own : Math.min(own, fullUntil(other));
  }

  async #run(state: CertificateState): Promise<void> {
    const { id } = state;
    let notBefore = 0;
    try {
      const { outcome, certificate } = await attempt(id, this.#parts, this.#stopping.signal);
      if (certificate !== undefined) this.#inventory.set(certificate);
      notBefore = this.#conclude(state, outcome);
    } catch (error) {
      this.#parts.log.warn({ err: error, names: state.names }, 'certificate attempt not recorded');
      notBefore = this.#later(minuteMs);
    }
    this.#running.delete(id);
    const current = this.#inventory.get(id);
    if (current !== undefined) this.#schedule(current, notBefore);
    this.#tick();
  }

  /** Returns the earliest moment of the next look at it, whatever its row says. */
  #conclude(before: CertificateState, outcome: Outcome): number {
    const { names, keyKind } = before;
    const facts = { names, keyKind };
    const certificate = this.#inventory.get(before.id) ?? before;
    const { log } = this.#parts;
    switch (outcome.kind) {
      case 'busy':
        return this.#later(leaseMs / 2);
      case 'ended':
        return this.#later(leaseMs);
      case 'idle':
        return this.#later(quietMs);
      case 'asked':
        break;
      case 'issued':
        this.#wakeRivals(before);
        log.info({ ...facts, ...outcome }, 'certificate issued');
        break;
      case 'removed':
        log.info({ ...facts, isRevoked: outcome.isRevoked }, 'certificate forgotten');
        this.#noteGone(before.id);
        break;
      case 'waiting':
        this.#noteFull(outcome.authority, outcome.refusal);
        if (isForRival(outcome.refusal)) this.#behindRival.add(before.id);
        this.#sayWaiting(before, outcome);
        return outcome.refusal.notBefore.getTime();
      case 'failed': {
        this.#wakeRivals(before);
        const { failures, nextTryAt } = certificate.attempts;
        const notAfter = certificate.issued?.notAfter;
        log.warn(
          { ...facts, ...outcome.error, failures, nextTryAt, notAfter },
          'certificate not obtained',
        );
        break;
      }
      case 'sealed':
        log.error({ ...facts, ...outcome.error }, 'certificate left alone, its key is sealed');
        this.#options.onAttempt?.({ certificate, outcome });
        return this.#later(60 * minuteMs);
    }
    this.#options.onAttempt?.({ certificate, outcome });
    return 0;
  }

  /** Another kind of key for the same names waited for this order to end. */
  #wakeRivals(ended: CertificateState): void {
    for (const rival of this.#inventory.rivalsOf(ended)) {
      if (this.#behindRival.delete(rival.id)) this.#schedule(rival);
    }
  }

  /** Once for each moment it waits for; of seconds nobody needs to hear. */
  #sayWaiting(before: CertificateState, outcome: Extract<Outcome, { kind: 'waiting' }>): void {
    const { id, names, keyKind } = before;
    const { limit, notBefore } = outcome.refusal;
    if (notBefore.getTime() - this.#parts.now().getTime() <= minuteMs) return;
    const certificate = this.#inventory.get(id) ?? before;
    const facts = { names, keyKind, authority: outcome.authority, limit, until: notBefore };
    this.#parts.log.info(facts, 'certificate waits for room in the limits of its authority');
    this.#options.onAttempt?.({ certificate, outcome });
  }

  #noteFull(authority: AuthorityName, { limit, notBefore }: OrderRefusal): void {
    this.#full.set(`${authority} ${limit}`, notBefore.getTime());
    const now = this.#parts.now().getTime();
    for (const [key, until] of this.#full) if (until <= now) this.#full.delete(key);
  }

  #later(delayMs: number): number {
    return this.#parts.now().getTime() + delayMs * (1 + this.#parts.random() / 2);
  }
}

/** What was found done by another process is told of in a moment; until then the same question would be asked again. */
const quietMs = 1000;
