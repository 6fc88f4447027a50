// Somebody who has forgotten a password arrives, or says so; a link leaves to the proven address of whom he named, and whoever brings that back chooses another (section 4.3, #71).

import type { Account } from '../account.ts';
import type { Accounts } from '../accounts.ts';
import type { Factors } from '../factors/factors.ts';
import type { FactorNews } from '../factors/factor-news.ts';
import type { SignInVisit } from '../login/entry.ts';
import type { Visit } from '../login/login.ts';
import type { SecretDoor } from '../login/secret-door.ts';
import { comerOf } from '../noted.ts';
import type { LocalLogin } from '../sso/identity.ts';
import type { Letter } from '../../notices/mailer.ts';
import { resetLetter } from './letters.ts';
import { emailLimits } from './limits.ts';
import { deadLink, isStillFor, makeLink, requireLink, type EmailLinkStore } from './link.ts';
import type { Postbox } from './postbox.ts';
import type { Sends } from './sends.ts';

interface ForgottenOptions {
  readonly store: EmailLinkStore;
  readonly accounts: Pick<Accounts, 'find' | 'findByName' | 'hasPassword' | 'resetPassword'>;
  readonly factors: Pick<Factors, 'methodsOf'>;
  readonly localLogin: Pick<LocalLogin, 'requireOpen'>;
  readonly door: Pick<SecretDoor, 'pass'>;
  readonly sends: Sends;
  readonly postbox: Postbox;
  readonly news: FactorNews;
  /** `https://hub.example.org`. */
  readonly origin: () => string;
  readonly now?: () => Date;
}

export class ForgottenPasswords {
  readonly #options: ForgottenOptions;
  readonly #now: () => Date;

  constructor(options: ForgottenOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * By user name or proven address. The answer is the same for everybody and takes as long: whether there is such an account
   * is looked up after it.
   * @throws AccountError login.disabled | account.letters: too many from this address, whomever they were about
   */
  async ask(name: string, visit: Visit): Promise<void> {
    const { localLogin, sends, postbox } = this.#options;
    await localLogin.requireOpen();
    await sends.require('reset', { visit });
    postbox.post(async () => this.#letterFor(name, visit));
  }

  /**
   * Signs nobody in: what proves the account beside its password is asked for as ever.
   * @throws AccountError account.link | login.locked | login.disabled | account.password-weak | account.password-breached | login.busy
   */
  async choose(secret: string, password: string, visit: SignInVisit): Promise<void> {
    const { door, localLogin } = this.#options;
    await localLogin.requireOpen();
    await door.pass('reset-link', visit, async () => this.#choose(secret, password, visit));
  }

  async #choose(secret: string, password: string, visit: Visit): Promise<void> {
    const { store, accounts } = this.#options;
    const link = await requireLink(store, secret, { purpose: 'reset', now: this.#now() });
    const account = await accounts.find(link.accountId);
    if (account === undefined || !isStillFor(link, account)) return deadLink();
    if (!(await accounts.resetPassword(account, password, { link: link.id, visit }))) deadLink();
    this.#options.news.passwordReset(account.id, comerOf(visit));
    return undefined;
  }

  /** Undefined: there is nobody to write to, or enough was written. */
  async #letterFor(name: string, visit: Visit): Promise<Letter | undefined> {
    const { store, accounts, sends, news, origin } = this.#options;
    const account = await accounts.findByName(name);
    const email = account && (await this.#mailboxOf(account));
    const isSent =
      email !== undefined && (await sends.waitMs('reset', { accountId: account?.id })) === 0;
    news.passwordAsked(account?.id, comerOf(visit), isSent);
    if (account === undefined || !isSent) return undefined;
    const { id: accountId, username } = account;
    const made = { purpose: 'reset', lifeMs: emailLimits.resetLifeMs, now: this.#now() } as const;
    const secret = await makeLink(store, { accountId, email }, made);
    return resetLetter(email, `${origin()}/reset-password#${secret}`, username, visit);
  }

  /**
   * Where the mailbox may open an account as far as its password does: one that has a password at all (a passkey or a
   * provider alone is more), and of admins only those who prove something else as well.
   */
  async #mailboxOf(account: Account): Promise<string | undefined> {
    const { accounts, factors } = this.#options;
    const { id, role, state, email, emailVerifiedAt } = account;
    if (state !== 'active' || emailVerifiedAt === undefined) return undefined;
    if (!(await accounts.hasPassword(id))) return undefined;
    const hasFactor = (await factors.methodsOf(id)).some((method) => method !== 'email');
    return role === 'admin' && !hasFactor ? undefined : email;
  }
}
