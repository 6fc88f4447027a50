// The word arrives that somebody's factors are lost or in other hands; an account leaves that nothing of the former opens.

import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { Doer, FactorNews } from './factor-news.ts';

export interface Lockout {
  /** None: only another admin opens the account again, or the host (phlix-hub user reset-mfa). */
  readonly recoveryCodesLeft: number;
}

export interface ResetStore {
  /**
   * Passkeys, the authenticator app, trusted browsers and what was asked for them are gone, and the account is locked, at once.
   * Never leaves the hub without an admin who can come in, however many of them lock themselves at the same moment.
   * @throws AccountError account.last-admin: and there is no recovery code
   */
  lock(accountId: string, at: Date): Promise<Lockout>;
  /** The recovery codes as well; the next login enrols a factor first. */
  reset(accountId: string, at: Date): Promise<void>;
  isLastAdmin(accountId: string): Promise<boolean>;
}

/** What other rooms hold of an account. Each is over when its promise is. */
export interface HeldElsewhere {
  /** And what is half done; of the browsers none is known any more. */
  endLogins(accountId: string): Promise<void>;
  /** Personal tokens, and those of paired devices. */
  revokeTokens(accountId: string): Promise<void>;
  unlinkSso(accountId: string): Promise<void>;
}

export interface ResetsOptions {
  readonly store: ResetStore;
  readonly elsewhere: HeldElsewhere;
  readonly news: FactorNews;
  readonly now?: () => Date;
}

export class Resets {
  readonly #options: ResetsOptions;
  readonly #now: () => Date;

  constructor(options: ResetsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * "I lost my phone": ends every login, forgets trusted browsers, tokens, passkeys and the authenticator app. Whoever does it
   * has somebody else in his account: without recovery codes too it is refused to nobody but the last admin.
   * @throws AccountError account.last-admin: nobody but the host could open the account again
   */
  async lockOut(accountId: string, doer: Doer): Promise<Lockout> {
    const { store, elsewhere, news } = this.#options;
    // First the lock: whoever signs in while the rest is under way meets it.
    const lockout = await store.lock(accountId, this.#now());
    await elsewhere.revokeTokens(accountId);
    await elsewhere.endLogins(accountId);
    news.lockedOut(accountId, doer);
    return lockout;
  }

  /**
   * By an admin, or on the host: everything that proved who they are beside the password is gone, recovery codes as well, and
   * they enrol anew at the next sign-in.
   * @throws AccountError account.last-admin: nobody would be left to help, were it a mistake; the host may do it
   */
  async resetByAdmin(
    { id: accountId, username }: Pick<Account, 'id' | 'username'>,
    {
      reason,
      keepsSso,
      doer,
    }: { readonly reason: string; readonly keepsSso: boolean; readonly doer: Doer },
  ): Promise<void> {
    const { store, elsewhere, news } = this.#options;
    const isSelf = typeof doer.actor !== 'string' && doer.actor.id === accountId;
    if (isSelf && (await store.isLastAdmin(accountId))) {
      throw new AccountError(
        'account.last-admin',
        'you are the only admin: make another one first, or do it on the host with phlix-hub user reset-mfa',
      );
    }
    await store.reset(accountId, this.#now());
    await elsewhere.revokeTokens(accountId);
    if (!keepsSso) await elsewhere.unlinkSso(accountId);
    await elsewhere.endLogins(accountId);
    news.reset({ id: accountId, username }, reason, doer);
  }
}
