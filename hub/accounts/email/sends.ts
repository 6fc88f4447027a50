// A wish for a letter arrives; it is counted, for whom it is and for who asks, or refused until later (row A-04).

import { addressBucket } from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';
import type { Visit } from '../login/login.ts';
import { sendRules, type LetterPurpose, type SendRule } from './limits.ts';

export interface Send {
  readonly purpose: LetterPurpose;
  /** Whom it is for, or who invites somebody; undefined: nobody is looked up yet. */
  readonly accountId?: string | undefined;
  /** Who asks: an address, or its /64. */
  readonly askedFrom?: string | undefined;
  readonly at: Date;
}

export interface SendStore {
  /**
   * Counts it, unless a rule has had as many within its window already: then nothing is counted, and the time until the
   * oldest of them is out of it leaves, in milliseconds. 0: counted. Of however many that come at once no more pass.
   */
  note(send: Send, rules: { account: SendRule; address: SendRule }): Promise<number>;
}

interface SendsOptions {
  readonly store: SendStore;
  readonly onRefused: () => void;
  readonly now?: () => Date;
}

export class Sends {
  readonly #options: SendsOptions;
  readonly #now: () => Date;

  constructor(options: SendsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** @throws AccountError account.letters, with retryAfterMs */
  async require(
    purpose: LetterPurpose,
    { accountId, visit }: { accountId?: string; visit?: Visit },
  ): Promise<void> {
    const waitMs = await this.waitMs(purpose, { accountId, visit });
    if (waitMs === 0) return;
    const minutes = Math.ceil(waitMs / 60_000);
    throw new AccountError(
      'account.letters',
      `enough letters were asked for: look for the last one, among spam as well, or ask again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}`,
      { retryAfterMs: waitMs },
    );
  }

  /** 0: counted, send it. For whom a refusal would tell that there is such an account. */
  async waitMs(
    purpose: LetterPurpose,
    { accountId, visit }: { accountId?: string | undefined; visit?: Visit | undefined },
  ): Promise<number> {
    const askedFrom = visit && bucketOf(visit);
    const send = { purpose, accountId, askedFrom, at: this.#now() };
    const waitMs = await this.#options.store.note(send, sendRules[purpose]);
    if (waitMs > 0) this.#options.onRefused();
    return waitMs;
  }
}

/** Whom no proxy named shares with all others behind it. */
function bucketOf({ address, peer }: Visit): string {
  const known = address ?? peer;
  return known === undefined ? 'unknown' : addressBucket(known);
}
