// An account whose second proof is its mailbox arrives; a code leaves by mail, and later whether what was typed is that code (row A-04).

import type { Buffer } from 'node:buffer';
import { randomInt, randomUUIDv7 } from 'node:crypto';

import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { FactorNews } from '../factors/factor-news.ts';
import type { EmailFactor } from '../factors/factors.ts';
import type { Pepper } from '../factors/pepper.ts';
import { isSealed } from '../factors/sealing.ts';
import type { Visit } from '../login/login.ts';
import { comerOf } from '../noted.ts';
import { codeLetter } from './letters.ts';
import { emailLimits } from './limits.ts';
import type { Postbox } from './postbox.ts';
import type { Sends } from './sends.ts';

export interface EmailCode {
  readonly id: string;
  readonly accountId: string;
  /** Of the sign-in or the login that it was sent for. */
  readonly binding: string;
  readonly mac: Buffer;
  readonly sentAt: Date;
  readonly expiresAt: Date;
}

export interface EmailCodeStore {
  /** In the place of what was sent for the same binding before. Also forgets what has expired. */
  put(code: EmailCode): Promise<void>;
  /** One statement, over all processes: the try is counted, and true for one caller only, who has the mac, in time, within `tries`. */
  use(
    guess: Pick<EmailCode, 'accountId' | 'binding' | 'mac'>,
    at: Date,
    tries: number,
  ): Promise<boolean>;
}

interface EmailCodesOptions {
  readonly store: EmailCodeStore;
  readonly accounts: { find(id: string): Promise<Account | undefined> };
  readonly pepper: Pick<Pepper, 'mac'>;
  readonly sends: Sends;
  readonly postbox: Postbox;
  readonly news: FactorNews;
  readonly now?: () => Date;
}

export class EmailCodes implements EmailFactor {
  readonly #options: EmailCodesOptions;
  readonly #now: () => Date;

  constructor(options: EmailCodesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async isFor(accountId: string): Promise<boolean> {
    const account = await this.#options.accounts.find(accountId);
    return account !== undefined && mailboxOf(account) !== undefined;
  }

  /**
   * Whoever has no mailbox is answered alike, and counted alike: only the letter is missing.
   * @throws AccountError account.letters | mfa.sealed
   */
  async send(
    { accountId, binding, isAsked }: { accountId: string; binding: string; isAsked: boolean },
    visit: Visit,
  ): Promise<void> {
    const { store, accounts, sends, postbox, news } = this.#options;
    await sends.require('code', { accountId, visit });
    const code = newEmailCode();
    const mac = await this.#macOf({ accountId, binding }, code);
    if (mac === undefined) throw sealed();
    const sentAt = this.#now();
    const expiresAt = new Date(sentAt.getTime() + emailLimits.codeLifeMs);
    await store.put({ id: randomUUIDv7(), accountId, binding, mac, sentAt, expiresAt });
    const account = await accounts.find(accountId);
    const to = account && isAsked ? mailboxOf(account) : undefined;
    if (to === undefined) return;
    news.codeSent(accountId, comerOf(visit));
    postbox.post(async () => codeLetter(to, code, visit));
  }

  /** @throws AccountError mfa.malformed */
  async check(accountId: string, typed: string, binding: string): Promise<boolean> {
    if (!/^[0-9]{6}$/.test(typed)) {
      throw new AccountError('mfa.malformed', 'a code from an e-mail is six digits, 0 to 9');
    }
    const bound = { accountId, binding };
    const mac = await this.#macOf(bound, typed);
    if (mac === undefined) return false;
    return this.#options.store.use({ ...bound, mac }, this.#now(), emailLimits.codeTries);
  }

  /** Bound to account and transaction: a row that is moved opens nothing there. Undefined: the pepper does not open. */
  async #macOf(
    { accountId, binding }: { accountId: string; binding: string },
    code: string,
  ): Promise<Buffer | undefined> {
    const { pepper, news } = this.#options;
    try {
      return await pepper.mac(`email/${accountId}/${binding}/${code}`);
    } catch (error) {
      if (!isSealed(error)) throw error;
      news.unreadable(accountId, 'email');
      return undefined;
    }
  }
}

/** Each of the million is as likely as the next, those that begin with zeros too. */
export function newEmailCode(): string {
  return String(randomInt(1_000_000)).padStart(6, '0');
}

/** Never an admin's: NIST SP 800-63B §3.1.3.1 does not take mail as out-of-band. */
function mailboxOf({ role, state, email, emailVerifiedAt }: Account): string | undefined {
  const isProven = emailVerifiedAt !== undefined && state === 'active' && role !== 'admin';
  return isProven ? email : undefined;
}

function sealed(): AccountError {
  return new AccountError(
    'mfa.sealed',
    'the hub cannot open the key of its codes: its operator has to set the former HUB_SECRET_KEY again, or restore sealing.key',
  );
}
