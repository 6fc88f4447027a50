// The cookie of a browser that was trusted arrives at a sign-in; whether the second factor may be skipped leaves, with the cookie's next value.

import { Buffer } from 'node:buffer';
import { createHash, randomBytes, randomUUIDv7, timingSafeEqual } from 'node:crypto';

import { AccountError } from '../account-error.ts';
import type { Doer, FactorNews } from './factor-news.ts';
import { factorLimits } from './limits.ts';

export interface TrustedBrowser {
  readonly id: string;
  readonly accountId: string;
  /** 'Firefox on Windows'. */
  readonly software: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
}

/** For `Set-Cookie: __Host-phlix_tb`. */
export interface TrustCookie {
  readonly value: string;
  readonly expiresAt: Date;
}

export interface Surroundings {
  readonly software: string;
  /** Two letters, where the hub knows. */
  readonly country?: string | undefined;
}

export interface StoredTrust extends TrustedBrowser {
  readonly selector: string;
  /** SHA-256: a copy of the database is no cookie. */
  readonly validatorHash: Buffer;
  readonly country: string | undefined;
}

export interface TrustedBrowserStore {
  list(accountId: string, now: Date): Promise<readonly TrustedBrowser[]>;
  /** `limit`: of one account; those that were used longest ago are given up. */
  insert(browser: StoredTrust, limit: number): Promise<void>;
  find(selector: string): Promise<StoredTrust | undefined>;
  /** Compare-and-set, over all processes. False: somebody else was first with the same value. */
  rotate(id: string, former: Buffer, next: Buffer, at: Date): Promise<boolean>;
  remove(accountId: string, id: string): Promise<boolean>;
  removeAll(accountId: string): Promise<number>;
}

export interface TrustedBrowsersOptions {
  readonly store: TrustedBrowserStore;
  readonly news: FactorNews;
  /** From the day of the trust, whatever is done with it: it does not slide. */
  readonly lifeDays: number;
  readonly now?: () => Date;
}

export class TrustedBrowsers {
  readonly #options: TrustedBrowsersOptions;
  readonly #now: () => Date;

  constructor(options: TrustedBrowsersOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async list(accountId: string): Promise<readonly TrustedBrowser[]> {
    return this.#options.store.list(accountId, this.#now());
  }

  /** After a second factor, where the person asked for it. */
  async trust(accountId: string, { software, country }: Surroundings): Promise<TrustCookie> {
    const { store, news, lifeDays } = this.#options;
    const now = this.#now();
    const expiresAt = new Date(now.getTime() + lifeDays * dayMs);
    const selector = randomBytes(selectorBytes).toString('base64url');
    const validator = randomBytes(validatorBytes);
    const browser = {
      id: randomUUIDv7(),
      accountId,
      selector,
      validatorHash: hashOf(validator),
      software,
      country,
      createdAt: now,
      lastUsedAt: now,
      expiresAt,
    };
    await store.insert(browser, factorLimits.trustedBrowsers);
    news.browserTrusted(accountId, software);
    return { value: cookieOf(selector, validator), expiresAt };
  }

  /**
   * After the right password. Undefined: ask for the factor. Trusted: set the new value, the presented one is dead. A value
   * that was replaced before is a stolen one: both ends lose their trust.
   */
  async recognise(
    accountId: string,
    cookie: string,
    surroundings: Surroundings,
  ): Promise<TrustCookie | undefined> {
    const presented = readCookie(cookie);
    if (presented === undefined) return undefined;
    const { store } = this.#options;
    const found = await store.find(presented.selector);
    if (found === undefined || found.accountId !== accountId || found.expiresAt <= this.#now()) {
      return undefined;
    }
    const former = hashOf(presented.validator);
    if (!timingSafeEqual(former, found.validatorHash)) return this.#distrust(found);
    if (!isFamiliar(found, surroundings)) return undefined;
    const next = randomBytes(validatorBytes);
    // Twice at once is twice the same value as well.
    if (!(await store.rotate(found.id, former, hashOf(next), this.#now()))) {
      return this.#distrust(found);
    }
    this.#options.news.browserRecognised();
    return { value: cookieOf(found.selector, next), expiresAt: found.expiresAt };
  }

  /** @throws AccountError mfa.unknown */
  async revoke(accountId: string, id: string, doer: Doer): Promise<void> {
    if (!(await this.#options.store.remove(accountId, id))) {
      throw new AccountError('mfa.unknown', 'this account trusts no such browser (any more)');
    }
    this.#options.news.browsersForgotten(accountId, doer);
  }

  /** Also where the password or the role changes, and where somebody else ends all logins or suspends the account. */
  async revokeAll(accountId: string, doer: Doer): Promise<void> {
    const count = await this.#options.store.removeAll(accountId);
    if (count > 0) this.#options.news.browsersForgotten(accountId, doer);
  }

  async #distrust({ accountId, id, software }: StoredTrust): Promise<undefined> {
    await this.#options.store.remove(accountId, id);
    this.#options.news.trustReplayed(accountId, software);
  }
}

const dayMs = 24 * 60 * 60 * 1000;
const selectorBytes = 16;
const validatorBytes = 32;

/** Another kind of browser or another country asks for the factor again; the trust itself stays for the one that has it. */
function isFamiliar(found: StoredTrust, { software, country }: Surroundings): boolean {
  const isElsewhere =
    country !== undefined && found.country !== undefined && country !== found.country;
  return found.software === software && !isElsewhere;
}

function cookieOf(selector: string, validator: Buffer): string {
  return `${selector}.${validator.toString('base64url')}`;
}

function readCookie(text: string): { selector: string; validator: Buffer } | undefined {
  const [, selector, validator] = /^([\w-]{22})\.([\w-]{43})$/.exec(text) ?? [];
  if (selector === undefined || validator === undefined) return undefined;
  return { selector, validator: Buffer.from(validator, 'base64url') };
}

function hashOf(validator: Buffer): Buffer {
  return createHash('sha256').update(validator).digest();
}
