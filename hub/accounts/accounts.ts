// Changes to people's accounts arrive, from themselves, from admins and from the host; they leave done, with everything that hangs on them ended.

import type { Audit } from '../audit/audit.ts';
import type { NotableEvent } from '../audit/event.ts';
import type { Notices, Where } from '../notices/notice.ts';
import { AccountError } from './account-error.ts';
import {
  emailKey,
  requireEmail,
  requireUsername,
  usernameKey,
  type Account,
  type Role,
} from './account.ts';
import type { Actor, LoginCaller } from './caller.ts';
import type { Doer } from './factors/factor-news.ts';
import type { Factors } from './factors/factors.ts';
import type { TrustedBrowsers } from './factors/trusted-browsers.ts';
import { requireNetworks } from './login/address-lists.ts';
import type { Visit } from './login/login.ts';
import type { Logins } from './login/logins.ts';
import type { SignInAccounts } from './login/sign-in.ts';
import type { Transactions } from './login/transactions.ts';
import { comerOf, noted } from './noted.ts';
import { requirePassword, type ProfileChecks } from './profile.ts';

/** What its holder may change. */
export type AccountChange =
  | { readonly username: string; readonly key: string }
  | { readonly email: string | undefined; readonly emailVerifiedAt: Date | undefined }
  | { readonly networks: readonly string[] };

export interface AccountStore extends SignInAccounts {
  /** By their key, from behind `after`. */
  list(page: { after?: string | undefined; limit: number }): Promise<Account[]>;
  /** @throws AccountError account.exists | account.unknown */
  change(id: string, change: AccountChange): Promise<Account>;
  /**
   * Also voids every link by which another could be chosen. `link`: only if that one is not void yet, true for one of however
   * many bring it.
   */
  savePassword(id: string, phc: string, link?: string): Promise<boolean>;
  markBreached(id: string): Promise<void>;
  /**
   * Never leaves the hub without an active admin, however many admins take each other's rights at the same moment.
   * @throws AccountError account.last-admin | account.unknown
   */
  changeStanding(id: string, change: { role?: Role; state?: Account['state'] }): Promise<Account>;
  /** With everything that was kept about it. @throws AccountError account.last-admin | account.unknown */
  remove(id: string): Promise<void>;
}

/** Servers whose owner leaves. */
export interface Possessions {
  /** Revokes all of them; says how many. */
  giveUp(ownerId: string): Promise<number>;
}

interface AccountsOptions {
  readonly store: AccountStore;
  readonly checks: ProfileChecks;
  readonly factors: Pick<Factors, 'methodsOf'>;
  readonly trustedBrowsers: Pick<TrustedBrowsers, 'revokeAll'>;
  readonly logins: Logins;
  readonly transactions: Transactions;
  readonly possessions: Possessions;
  readonly audit: Audit;
  readonly notices: Notices;
}

/** Whose servers are the hub's own: they stay when he goes. */
const operatorId = 'operator';

export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  async find(id: string): Promise<Account | undefined> {
    return this.#options.store.find(id);
  }

  /** By user name or proven e-mail address. */
  async findByName(name: string): Promise<Account | undefined> {
    const { store } = this.#options;
    return name.includes('@')
      ? store.findByEmail(emailKey(name))
      : store.findByKey(usernameKey(name));
  }

  async list(page: { after?: string | undefined; limit: number }): Promise<Account[]> {
    return this.#options.store.list(page);
  }

  async hasPassword(id: string): Promise<boolean> {
    return (await this.#options.store.passwordOf(id)) !== undefined;
  }

  /** @throws AccountError account.username | account.exists */
  async rename(account: Account, name: string, by: Actor): Promise<Account> {
    const username = requireUsername(name, account.key);
    const change = { username, key: usernameKey(username) };
    const renamed = await this.#options.store.change(account.id, change);
    const reason = `renamed to ${username}`;
    this.#note('admin.account-changed', account, by, reason);
    return renamed;
  }

  /** Not proven until its holder opens a link that is sent there; undefined: none. @throws AccountError account.email */
  async changeEmail(account: Account, text: string | undefined, by: Actor): Promise<Account> {
    const email = text === undefined ? undefined : requireEmail(text);
    if (email === account.email) return account;
    const change = { email, emailVerifiedAt: undefined };
    const changed = await this.#options.store.change(account.id, change);
    this.#note('account.email-changed', account, by);
    this.#tellEmail(account, by);
    return changed;
  }

  /** The address has been proven, if it is still the account's. @throws AccountError account.exists | account.email */
  async verifyEmail(id: string, email: string, at: Date): Promise<Account> {
    const { store } = this.#options;
    const account = await store.find(id);
    if (account?.email === email) return store.change(id, { email, emailVerifiedAt: at });
    throw new AccountError(
      'account.email',
      'this link is for an address that the account no longer has: ask for another one',
    );
  }

  /**
   * Ends every other login, whatever was half done, and trust in browsers: whoever knew the former password is out.
   * @throws AccountError account.password-weak | account.password-breached | login.busy | login.disabled
   */
  async changePassword(caller: LoginCaller, password: string): Promise<void> {
    const { checks, logins, notices } = this.#options;
    await checks.localLogin.requireOpen();
    await this.#savePassword(caller.account, password, noted(caller));
    await logins.endOthers(caller.login);
    this.#note('account.password-changed', caller.account, caller);
    this.#tellPassword(notices, caller.account, caller);
  }

  /**
   * On the host: for somebody who is locked out, also while passwords open nothing.
   * @throws AccountError account.password-weak | account.password-breached | login.busy
   */
  async setPassword(account: Account, password: string, by: Actor): Promise<void> {
    const { logins, notices } = this.#options;
    await this.#savePassword(account, password, noted(by));
    await logins.endAll(account.id);
    this.#note('admin.password-reset', account, by);
    this.#tellPassword(notices, account, by);
  }

  /**
   * By a link that was mailed: it is spent with it. Ends every login. False: it was spent before.
   * @throws AccountError account.password-weak | account.password-breached | login.busy
   */
  async resetPassword(
    account: Account,
    password: string,
    { link, visit }: { link: string; visit: Visit },
  ): Promise<boolean> {
    const { id, username: name } = account;
    const doer = { ...comerOf(visit), actor: { id, name } };
    const isSaved = await this.#savePassword(account, password, doer, link);
    if (isSaved) await this.#options.logins.endAll(id);
    return isSaved;
  }

  /** @throws AccountError account.network | account.unconfirmed */
  async changeNetworks(
    caller: LoginCaller,
    wish: { networks: readonly string[]; confirm?: string | undefined },
  ): Promise<Account> {
    const { account, address } = caller;
    const networks = requireNetworks({ ...wish, account, address });
    const changed = await this.#options.store.change(account.id, { networks });
    const reason = networks.length === 0 ? 'anywhere' : networks.join(' ');
    this.#note('account.networks-changed', account, caller, reason);
    return changed;
  }

  /** On the host: whoever shut himself out comes in again. */
  async openNetworks(account: Account, by: Actor): Promise<Account> {
    const changed = await this.#options.store.change(account.id, { networks: [] });
    this.#note('account.networks-changed', account, by, 'anywhere');
    return changed;
  }

  /** Ends the account's logins, and trust in its browsers: what they could do has changed. @throws AccountError account.last-admin */
  async changeRole(account: Account, role: Role, by: Actor): Promise<Account> {
    if (account.role === role) return account;
    const changed = await this.#options.store.changeStanding(account.id, { role });
    await this.#endAll(account.id, by);
    this.#note('admin.role-changed', account, by, `${account.role} to ${role}`);
    return changed;
  }

  /** Nothing opens the account until it is resumed, and then with every factor; its servers go on. @throws AccountError account.last-admin */
  async suspend(account: Account, by: Actor, reason?: string): Promise<Account> {
    const changed = await this.#options.store.changeStanding(account.id, { state: 'suspended' });
    await this.#endAll(account.id, by);
    this.#note('admin.account-suspended', account, by, reason);
    return changed;
  }

  async resume(account: Account, by: Actor): Promise<Account> {
    const changed = await this.#options.store.changeStanding(account.id, { state: 'active' });
    this.#note('admin.account-resumed', account, by);
    return changed;
  }

  /**
   * With its logins, its factors, and its servers, which are revoked; those of the first admin are the hub's and stay.
   * @throws AccountError account.last-admin
   */
  async remove(account: Account, by: Actor): Promise<{ serversRevoked: number }> {
    const { store, possessions } = this.#options;
    // First what can refuse; then what nobody owns any more. Servers know their owner without an account.
    await store.remove(account.id);
    await this.#endAll(account.id, by);
    const isOperator = account.ownerId === operatorId;
    const serversRevoked = isOperator ? 0 : await possessions.giveUp(account.ownerId);
    this.#note('admin.account-removed', account, by, `${serversRevoked} servers revoked`);
    return { serversRevoked };
  }

  /** After a sign-in, while nobody waits: whether the password has become known since it was chosen (row A-12). */
  async lookUpBreach(account: Account, password: string): Promise<void> {
    const { checks, store, audit } = this.#options;
    const breach = await checks.breaches.look(password);
    checks.counts.breachCheck(breach);
    const actor = { id: account.id, name: account.username };
    if (breach === 'unknown') {
      audit.note({ event: 'account.breach-check-failed', actor, result: 'failed' });
    }
    if (breach === 'found' && !account.passwordBreached) {
      await store.markBreached(account.id);
      audit.note({ event: 'account.password-breached', actor, result: 'ok' });
    }
  }

  async #savePassword(
    account: Account,
    password: string,
    doer: Doer,
    link?: string,
  ): Promise<boolean> {
    const { store, checks, factors, transactions, trustedBrowsers } = this.#options;
    const { id, username, email } = account;
    // Mail is no factor that somebody enrolled: where the operator switches it off, the password is alone.
    const methods = await factors.methodsOf(id);
    const hasFactor = methods.some((method) => method !== 'recovery' && method !== 'email');
    const phc = await requirePassword({ password, hasFactor, username, email }, checks);
    if (!(await store.savePassword(id, phc, link))) return false;
    await transactions.endAll(id);
    await trustedBrowsers.revokeAll(id, doer);
    return true;
  }

  async #endAll(id: string, by: Actor): Promise<void> {
    const { logins, transactions, trustedBrowsers } = this.#options;
    await transactions.endAll(id);
    await logins.endAll(id);
    await trustedBrowsers.revokeAll(id, noted(by));
  }

  /** Also where it was read until now: nothing else would tell its holder that he hears no more of this account. */
  #tellEmail({ id: accountId, email, emailVerifiedAt }: Account, by: Actor): void {
    const formerEmail = emailVerifiedAt === undefined ? undefined : email;
    const to = { kind: 'account', accountId, formerEmail } as const;
    this.#options.notices.tell({ kind: 'email.changed', to, facts: factsOf(by) });
  }

  #tellPassword(notices: Notices, { id: accountId }: Account, by: Actor): void {
    const to = { kind: 'account', accountId } as const;
    notices.tell({ kind: 'password.changed', to, facts: factsOf(by) });
  }

  #note(event: NotableEvent, { username: target }: Account, by: Actor, reason?: string): void {
    this.#options.audit.note({ ...noted(by), event, target, result: 'ok', reason });
  }
}

function factsOf(by: Actor): Where {
  return by === 'host' ? { software: 'the host itself' } : { address: by.address };
}
