// A browser's cookie arrives at a sign-in; whether its account knows it leaves, and after the sign-in the cookie's next value (OWASP device cookies, row A-10).

import { type Buffer } from 'node:buffer';

import type { AccountLimits } from '../limits.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';

export interface KnownBrowserStore {
  /** The row's id, if this browser has signed in to the account since `since`. */
  find(secretHash: Buffer, accountId: string, since: Date): Promise<string | undefined>;
  /** Whether it has signed in to any account since `since`. */
  isKnown(secretHash: Buffer, since: Date): Promise<boolean>;
  /**
   * What the former value stood for, for this account and others of the household, the new one stands for from now on, and
   * for this account in any case. `most`: of an account the rest is forgotten, the oldest first.
   */
  replace(
    formerHash: Buffer | undefined,
    secretHash: Buffer,
    use: { accountId: string; at: Date; most: number },
  ): Promise<void>;
  removeAll(accountId: string): Promise<void>;
}

/** Every browser of a household's every device, private windows among them. */
const mostPerAccount = 50;

export class KnownBrowsers {
  readonly #store: KnownBrowserStore;
  readonly #limits: AccountLimits;
  readonly #now: () => Date;

  constructor(options: { store: KnownBrowserStore; limits: AccountLimits; now?: () => Date }) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#now = options.now ?? (() => new Date());
  }

  async find(secret: string | undefined, accountId: string): Promise<string | undefined> {
    if (secret === undefined || !isSecret(secret)) return undefined;
    return this.#store.find(hashOf(secret), accountId, this.#since);
  }

  /** Somebody of this hub has signed in with it; who, is not known yet. */
  async isSomebodys(secret: string | undefined): Promise<boolean> {
    if (secret === undefined || !isSecret(secret)) return false;
    return this.#store.isKnown(hashOf(secret), this.#since);
  }

  /**
   * After a sign-in. Always a new value: one that somebody had copied, or put there before, is worth nothing afterwards.
   */
  async remember(former: string | undefined, accountId: string): Promise<string> {
    const secret = newSecret();
    const formerHash = former !== undefined && isSecret(former) ? hashOf(former) : undefined;
    const use = { accountId, at: this.#now(), most: mostPerAccount };
    await this.#store.replace(formerHash, hashOf(secret), use);
    return secret;
  }

  /** After a lockout, when nothing of the former may open the account. */
  async forget(accountId: string): Promise<void> {
    await this.#store.removeAll(accountId);
  }

  get #since(): Date {
    return new Date(this.#now().getTime() - this.#limits.knownBrowserMs);
  }
}
