// A try to prove who one is arrives, from whichever door; it may be made, or it is refused until later (row A-10). The one place that counts failures.

import { createHash } from 'node:crypto';

import { addressBucket } from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';
import type { AccountLimits } from '../limits.ts';
import { codeRules } from '../tokens/limits.ts';
import { judge, waitMs, withoutOne, type Count, type Rule } from './guard-count.ts';
import type { Visit } from './login.ts';

/** Counts by key, in the database: they hold after a restart and for every process. */
export interface GuardStore {
  /** Without waiting for anybody who changes them. */
  find(keys: readonly string[]): Promise<ReadonlyMap<string, Count>>;
  /**
   * `change` gets the counts of these keys while nobody else can change them, and returns what they become: undefined
   * forgets one, a key left out stays as it is.
   */
  change<Result>(
    keys: readonly string[],
    change: (counts: ReadonlyMap<string, Count>) => {
      counts: ReadonlyMap<string, { count: Count; rule: Rule } | undefined>;
      result: Result;
    },
  ): Promise<Result>;
  remove(keys: readonly string[]): Promise<void>;
  /** Forgets what is over, and beyond `most` what has fewest failures and refuses nobody now. */
  sweep(now: Date, most: number): Promise<void>;
  /** Who is refused now, the longest first, from behind `after`. */
  listClosed(
    now: Date,
    page: { after: { key: string; until: Date } | undefined; limit: number },
  ): Promise<{ key: string; count: Count }[]>;
}

export interface Attempt {
  readonly visit: Visit;
  /**
   * `password`: anything by which a stranger begins. `factor`: what comes behind a right password, and step-ups. `code`: what
   * somebody who is signed in reads from a device that wants to be let in (row B-05). `token`: a bearer that opened nothing.
   */
  readonly stage: 'password' | 'factor' | 'code' | 'token';
  /** The account's id, however it was named; of an unknown name strangeSubject(name). Undefined: nobody was named. */
  readonly subject: string | undefined;
  /** The account knows this browser (KnownBrowsers): it is counted by itself, so that strangers cannot lock its owner out. */
  readonly browserId?: string | undefined;
}

/** Allowed, and counted as failed until it succeeds. */
export interface Admission {
  /** This try, should it fail, closes the door for now: `factor` for the account, `password` for the address. */
  readonly isLast: boolean;
  /** Made with a browser that the account knows, and that has tries of its own left. */
  readonly isKnown: boolean;
  /** It stays counted. Whoever closed a door with it is told of. */
  fail(): void;
  /** Its count is given back. With `isProven` what was counted of the account's own guesses is forgotten; of the address never. */
  succeed(options?: { isProven: boolean }): Promise<void>;
  /** It was not made: the hub was too busy, or the request was none. */
  release(): Promise<void>;
}

export interface Closed {
  /** `192.0.2.7`, `2001:db8:1:2::/64`, an account's id. */
  readonly what: string;
  readonly kind: KeyKind;
  readonly failures: number;
  readonly until: Date;
  /** An address that went on after every pause. */
  readonly isForDays: boolean;
}

/** What failures are counted of. */
export const keyKinds = [
  'address',
  'account',
  'factor',
  'browser',
  'browser-factor',
  'code',
  'code-address',
  'token-address',
] as const;
export type KeyKind = (typeof keyKinds)[number];

interface GuardOptions {
  readonly store: GuardStore;
  readonly limits: AccountLimits;
  /** An address is refused from now on. */
  readonly onClosed?: (closed: Closed) => void;
  readonly now?: () => Date;
}

/** So seldom that it costs nothing, so often that a flood adds one part in a hundred to what is kept. */
const sweepEvery = 1000;

export class Guard {
  readonly #store: GuardStore;
  readonly #limits: AccountLimits;
  readonly #rules: Readonly<Record<KeyKind, Rule>>;
  readonly #onClosed: (closed: Closed) => void;
  readonly #now: () => Date;
  #untilSweep = sweepEvery;

  constructor(options: GuardOptions) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#rules = rulesOf(options.limits);
    this.#onClosed = options.onClosed ?? (() => {});
    this.#now = options.now ?? (() => new Date());
  }

  /** @throws AccountError login.locked, with retryAfterMs */
  async admit(attempt: Attempt): Promise<Admission> {
    const own = ownKeyOf(attempt);
    // A browser that has used its own tries up is a stranger's, and goes the strangers' way.
    const isOwnOpen = own !== undefined && (await this.#waitMs([own])) === 0;
    const keys = isOwnOpen ? [own] : strangersKeys(attempt);
    const waiting = await this.#waitMs(
      attempt.stage === 'token' ? bearersKeys(attempt.visit) : keys,
    );
    if (waiting > 0) throw locked(waiting);
    const { refusedMs, closing } = await this.#count(keys);
    if (refusedMs > 0) throw locked(refusedMs);
    await this.#sweepNowAndThen();
    const closed = closing.flatMap(({ key, count }) => this.#closedOf(key, count) ?? []);
    const closedKeys = closing.map(({ key }) => key);
    return {
      isLast: closed.some(({ kind }) => isTold(kind)),
      isKnown: isOwnOpen,
      fail: () => {
        for (const one of closed) if (one.kind === 'address') this.#onClosed(one);
      },
      release: async () => this.#giveBack(keys, closedKeys),
      succeed: async ({ isProven } = { isProven: false }) => {
        const forgotten = isProven ? keys.filter((key) => kindOf(key) !== 'address') : [];
        await this.#store.remove(forgotten);
        const kept = keys.filter((key) => !forgotten.includes(key));
        await this.#giveBack(kept, closedKeys);
      },
    };
  }

  /** For a bearer that is new where it comes from. Counts nothing. @throws AccountError login.locked, with retryAfterMs */
  async requireOpen(visit: Visit): Promise<void> {
    const waiting = await this.#waitMs(bearersKeys(visit));
    if (waiting > 0) throw locked(waiting);
  }

  /** Who is refused now, the longest first, for the list that admins read; `after`: the last of the page before. */
  async listClosed(page: {
    after?: Pick<Closed, 'kind' | 'what' | 'until'> | undefined;
    limit: number;
  }): Promise<Closed[]> {
    const { after: last, limit } = page;
    const after = last && { key: keyOf(last.kind, last.what), until: last.until };
    const closed = await this.#store.listClosed(this.#now(), { after, limit });
    return closed.flatMap(({ key, count }) => this.#closedOf(key, count) ?? []);
  }

  /** An admin lifts it. */
  async open({ kind, what }: Pick<Closed, 'kind' | 'what'>): Promise<void> {
    await this.#store.remove([keyOf(kind, what)]);
  }

  async #waitMs(keys: readonly string[]): Promise<number> {
    const counts = await this.#store.find(keys);
    const now = this.#now();
    return Math.max(0, ...keys.map((key) => waitMs(counts.get(key), now)));
  }

  async #count(
    keys: readonly string[],
  ): Promise<{ refusedMs: number; closing: { key: string; count: Count }[] }> {
    const now = this.#now();
    return this.#store.change(keys, (counts) => {
      const judged = keys.map((key) => ({
        key,
        ...judge(counts.get(key), this.#ruleOf(key), now),
      }));
      const refusedMs = Math.max(0, ...judged.map((it) => ('refusedMs' in it ? it.refusedMs : 0)));
      if (refusedMs > 0) return { counts: new Map(), result: { refusedMs, closing: [] } };
      const counted = judged.flatMap((it) => ('count' in it ? it : []));
      const changed = counted.map(
        ({ key, count }) => [key, { count, rule: this.#ruleOf(key) }] as const,
      );
      const closing = counted.filter(({ closes }) => closes);
      return { counts: new Map(changed), result: { refusedMs, closing } };
    });
  }

  async #giveBack(keys: readonly string[], closing: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#store.change(keys, (counts) => {
      const less = keys.flatMap((key) => {
        const count = counts.get(key);
        if (count === undefined) return [];
        const left = withoutOne(count, { closed: closing.includes(key) });
        return [[key, left && { count: left, rule: this.#ruleOf(key) }] as const];
      });
      return { counts: new Map(less), result: undefined };
    });
  }

  async #sweepNowAndThen(): Promise<void> {
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = sweepEvery;
    await this.#store.sweep(this.#now(), this.#limits.countedKeys);
  }

  #closedOf(key: string, { until, failures, dayFailures }: Count): Closed | undefined {
    const kind = kindOf(key);
    const isForDays = kind === 'address' && dayFailures >= this.#limits.addressFailuresPerDay;
    const what = key.slice(key.indexOf(':') + 1);
    return until && { what, kind, failures, until, isForDays };
  }

  #ruleOf(key: string): Rule {
    return this.#rules[kindOf(key)];
  }
}

/** An unknown name is counted like an account, or its missing limit would tell it from one. */
export function strangeSubject(name: string): string {
  return `?${createHash('sha256').update(name).digest('base64url')}`;
}

function rulesOf(limits: AccountLimits): Record<KeyKind, Rule> {
  const account = { failures: limits.accountFailures, windowMs: limits.accountWindowMs };
  const factor = { failures: limits.factorFailures, windowMs: limits.factorWindowMs };
  return {
    address: {
      failures: limits.addressFailures,
      windowMs: limits.addressWindowMs,
      blockMs: limits.addressBlockMs,
      perDay: { failures: limits.addressFailuresPerDay, blockMs: limits.addressBanMs },
    },
    account: { ...account, blockMs: limits.slowMs },
    browser: { ...account, blockMs: limits.accountWindowMs },
    factor: { ...factor, blockMs: limits.factorWindowMs },
    'browser-factor': { ...factor, blockMs: limits.factorWindowMs },
    code: codeRules.account,
    'code-address': codeRules.address,
    // By itself, and never for days: a program with a token of yesterday shuts nobody of its household out of the sign-in.
    'token-address': {
      failures: limits.addressFailures,
      windowMs: limits.addressWindowMs,
      blockMs: limits.addressBlockMs,
    },
  };
}

function keyOf(kind: KeyKind, what: string): string {
  return `${kind}:${what}`;
}

function kindOf(key: string): KeyKind {
  const word = key.slice(0, key.indexOf(':'));
  return keyKinds.find((kind) => kind === word) ?? 'address';
}

function ownKeyOf({ browserId, stage }: Attempt): string | undefined {
  if (browserId === undefined) return undefined;
  return keyOf(stage === 'password' ? 'browser' : 'browser-factor', browserId);
}

/** Whom no proxy named shares with all others behind it. */
export function bucketOf({ address, peer }: Pick<Visit, 'address' | 'peer'>): string {
  const counted = address ?? peer;
  return counted === undefined ? 'unknown' : addressBucket(counted);
}

/** An address that waits at the sign-in waits with its bearers too. */
function bearersKeys(visit: Visit): string[] {
  const bucket = bucketOf(visit);
  return [keyOf('token-address', bucket), keyOf('address', bucket)];
}

function strangersKeys({ visit, stage, subject }: Attempt): string[] {
  const bucket = bucketOf(visit);
  if (stage === 'token') return [keyOf('token-address', bucket)];
  if (stage === 'code') return [keyOf('code-address', bucket), keyOf('code', subject ?? 'nobody')];
  const keys = [keyOf('address', bucket)];
  if (subject !== undefined) keys.push(keyOf(stage === 'password' ? 'account' : 'factor', subject));
  return keys;
}

/** The slow path of an account is everyday life; that its second factor is guessed at is not. */
function isTold(kind: KeyKind): boolean {
  return kind === 'factor' || kind === 'browser-factor';
}

function locked(retryAfterMs: number): AccountError {
  const seconds = Math.ceil(retryAfterMs / 1000);
  const wait = seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
  return new AccountError(
    'login.locked',
    `too many failed attempts: try again in ${wait}, or from a browser that you have signed in with before`,
    { retryAfterMs },
  );
}
