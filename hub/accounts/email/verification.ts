// An address that an account says is its own arrives; a link leaves to it by mail, and whoever brings that back has proven it (row A-04).

import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { Accounts } from '../accounts.ts';
import type { FactorNews } from '../factors/factor-news.ts';
import type { SignInVisit } from '../login/entry.ts';
import type { Visit } from '../login/login.ts';
import type { SecretDoor } from '../login/secret-door.ts';
import { comerOf } from '../noted.ts';
import { verifyLetter } from './letters.ts';
import { emailLimits } from './limits.ts';
import { deadLink, isStillFor, makeLink, requireLink, type EmailLinkStore } from './link.ts';
import type { Postbox } from './postbox.ts';
import type { Sends } from './sends.ts';

interface VerificationOptions {
  readonly store: EmailLinkStore;
  readonly accounts: Pick<Accounts, 'find' | 'verifyEmail'>;
  readonly door: Pick<SecretDoor, 'pass'>;
  readonly sends: Sends;
  readonly postbox: Postbox;
  readonly news: FactorNews;
  /** `https://hub.example.org`. */
  readonly origin: () => string;
  readonly now?: () => Date;
}

export class EmailVerification {
  readonly #options: VerificationOptions;
  readonly #now: () => Date;

  constructor(options: VerificationOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Where it was just written down. Without a letter, where enough were sent: its holder can ask for one later. */
  async offer(account: Account, visit: Visit): Promise<void> {
    await this.send(account, visit).catch((error: unknown) => {
      if (!(error instanceof AccountError && error.code === 'account.letters')) throw error;
    });
  }

  /** @throws AccountError account.letters | account.email: there is nothing to prove */
  async send(account: Account, visit: Visit): Promise<void> {
    const { id: accountId, email, emailVerifiedAt, username } = account;
    if (email === undefined || emailVerifiedAt !== undefined) {
      throw new AccountError(
        'account.email',
        'there is no address to confirm: the account has none, or it is confirmed already',
      );
    }
    const { store, sends, postbox, news, origin } = this.#options;
    await sends.require('verify', { accountId, visit });
    const made = { purpose: 'verify', lifeMs: emailLimits.verifyLifeMs, now: this.#now() } as const;
    const secret = await makeLink(store, { accountId, email }, made);
    news.linkSent(accountId, { ...comerOf(visit), actor: { id: accountId, name: username } });
    const link = `${origin()}/verify-email#${secret}`;
    postbox.post(async () => verifyLetter(email, link, username, visit));
  }

  /** Whoever has the mailbox, in whichever browser. @throws AccountError account.link | login.locked | account.exists */
  async prove(secret: string, visit: SignInVisit): Promise<Account> {
    const { door, news } = this.#options;
    const verified = await door.pass('verify-link', visit, async () => this.#prove(secret));
    news.emailVerified(verified.id, comerOf(visit));
    return verified;
  }

  async #prove(secret: string): Promise<Account> {
    const { store, accounts } = this.#options;
    const now = this.#now();
    const link = await requireLink(store, secret, { purpose: 'verify', now });
    const account = await accounts.find(link.accountId);
    const isTaken = isStillFor(link, account) && (await store.take(link.id));
    if (!isTaken) deadLink();
    return accounts.verifyEmail(link.accountId, link.email, now);
  }
}
