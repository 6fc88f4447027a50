// A browser that wants in, or wants more, by a provider arrives; it is sent there, and what it brings back becomes a login, a link or a proof, or a refusal (row A-06).

import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { Account, Role } from '../account.ts';
import type { Caller, LoginCaller } from '../caller.ts';
import type { SignInVisit } from '../login/entry.ts';
import type { SignInOutcome } from '../login/sign-in.ts';
import { softwareOf } from '../login/software.ts';
import type { StepUp, SteppedUp } from '../step-up/step-up.ts';
import type { SsoIdentity, SsoSignIn } from './identity.ts';
import type { SsoLink, SsoLinkStore } from './link.ts';
import { Newcomers, type NewcomerAccounts } from './newcomers.ts';
import type { ProviderLogins, ThereLogin } from './provider-logins.ts';
import type { Provider, ProviderStore } from './provider.ts';
import type { Redeemed, RelyingParty } from './relying-party.ts';
import { safeReturnTo } from './return-to.ts';
import { isMultiFactor, roleFor, settledRole } from './role-map.ts';
import { linkOf } from './sso-link.ts';
import type { Errand, SsoTransactions, Transaction } from './transaction.ts';

/** What single sign-on needs of accounts. */
interface SsoAccounts extends NewcomerAccounts {
  find(id: string): Promise<Account | undefined>;
  /** @throws AccountError account.last-admin */
  giveRole(account: Account, role: Role): Promise<unknown>;
}

export interface SsoOptions {
  readonly providers: Pick<ProviderStore, 'find'>;
  readonly links: SsoLinkStore;
  readonly transactions: SsoTransactions;
  readonly relyingParty: RelyingParty;
  readonly accounts: SsoAccounts;
  readonly signIn: {
    withSso(
      proven: Pick<SsoSignIn, 'accountId' | 'isMultiFactor'>,
      visit: SignInVisit,
    ): Promise<SignInOutcome>;
  };
  readonly stepUp: Pick<StepUp, 'proveBySso'>;
  readonly providerLogins: Pick<ProviderLogins, 'keep' | 'hold'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now?: () => Date;
}

/** Where the browser goes, and what it takes along in `__Host-phlix_oidc`. */
export interface Departure {
  readonly url: string;
  readonly secret: string;
}

export type Arrival =
  | { readonly kind: 'signed-in'; readonly outcome: SignInOutcome; readonly returnTo: string }
  | { readonly kind: 'linked'; readonly link: SsoLink; readonly returnTo: string }
  | { readonly kind: 'stepped-up'; readonly steppedUp: SteppedUp; readonly returnTo: string };

export interface CallbackRequest {
  readonly providerId: string;
  /** The query as it came. */
  readonly query: string;
  /** Of `__Host-phlix_oidc`. */
  readonly secret: string | undefined;
  readonly caller: Caller;
  readonly visit: SignInVisit;
}

/** A provider's clock may be behind ours. */
const skewMs = 60_000;

export class Sso {
  readonly #options: SsoOptions;
  readonly #newcomers: Newcomers;
  readonly #now: () => Date;

  constructor(options: SsoOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#newcomers = new Newcomers({ ...options, now: this.#now });
  }

  /** @throws AccountError sso.unknown | sso.unavailable | sso.failed */
  async begin(
    providerId: string,
    errand: Errand,
    returnTo: string | undefined,
  ): Promise<Departure> {
    const provider = await this.#require(providerId);
    const { transaction, secret } = await this.#options.transactions.open({
      providerId,
      errand,
      returnTo: safeReturnTo(returnTo),
    });
    return {
      url: await this.#options.relyingParty.authorizationUrl(provider, transaction),
      secret,
    };
  }

  /**
   * What the browser brings back.
   * @throws AccountError sso.* | login.failed | login.locked | login.expired
   */
  async finish(request: CallbackRequest): Promise<Arrival> {
    try {
      return await this.#finish(request);
    } catch (error) {
      if (error instanceof AccountError && error.code.startsWith('sso.'))
        this.#options.audit.note({
          event: 'login.denied',
          address: request.visit.address,
          target: request.providerId,
          result: 'denied',
          method: 'sso',
          reason: error.code,
          requestId: request.visit.requestId,
        });
      throw error;
    }
  }

  async #finish({ providerId, query, secret, caller, visit }: CallbackRequest): Promise<Arrival> {
    const provider = await this.#require(providerId);
    const states = new URLSearchParams(query).getAll('state');
    const [state = ''] = states.length === 1 ? states : [];
    const transaction = await this.#options.transactions.take(secret, state);
    if (transaction === undefined || transaction.providerId !== providerId) throw expired();
    const redeemed = await this.#options.relyingParty.redeem(provider, transaction, query);
    const { errand, returnTo } = transaction;
    if (errand.kind === 'sign-in') {
      const outcome = await this.#signIn(provider, redeemed, visit);
      return { kind: 'signed-in', outcome, returnTo };
    }
    const signedIn = requireSame(caller, errand);
    if (errand.kind === 'link') {
      const link = await this.#link(provider, redeemed.identity, signedIn, visit);
      return { kind: 'linked', link, returnTo };
    }
    const steppedUp = await this.#stepUp(redeemed.identity, signedIn, { transaction, visit });
    return { kind: 'stepped-up', steppedUp, returnTo };
  }

  async #signIn(
    provider: Provider,
    { identity, idToken }: Redeemed,
    visit: SignInVisit,
  ): Promise<SignInOutcome> {
    const { links, accounts, signIn, providerLogins } = this.#options;
    const found = await links.find(identity.issuer, identity.subject);
    const link = found ?? (await this.#newcomers.admit(provider, identity, visit));
    if (link.providerId !== provider.id) throw elsewhere();
    const account = await accounts.find(link.accountId);
    if (account === undefined) throw elsewhere();
    await this.#settleRole({ provider, identity, link, account });
    const proven = { accountId: account.id, isMultiFactor: isMultiFactor(provider, identity) };
    const outcome = await signIn.withSso(proven, visit);
    const there = thereLogin(link, identity, idToken);
    if (outcome.kind === 'done') await providerLogins.keep(outcome.login, there);
    else await providerLogins.hold(outcome.transaction, there);
    return outcome;
  }

  /** @throws AccountError sso.factor */
  async #settleRole(parts: {
    provider: Provider;
    identity: SsoIdentity;
    link: SsoLink;
    account: Account;
  }): Promise<void> {
    const { provider, identity, link, account } = parts;
    const given = roleFor(provider, identity);
    const isAdminThere = identity.groups.some((group) => provider.roleMap.admin.includes(group));
    const isAdminByGroup = account.role === 'admin' && link.givenRole === 'admin';
    if (isAdminThere && isAdminByGroup && given !== 'admin') throw needsFactor(provider);
    const settled = settledRole(account.role, { given, givenBefore: link.givenRole });
    const isDone = settled.role === account.role || (await this.#giveRole(account, settled.role));
    await this.#options.links.noteUse(link.id, {
      at: this.#now(),
      name: identity.name,
      givenRole: isDone ? settled.givenRole : link.givenRole,
    });
  }

  /** False: somebody has to be able to mend it, so the last admin stays one and is looked at again next time. */
  async #giveRole(account: Account, role: Role): Promise<boolean> {
    try {
      await this.#options.accounts.giveRole(account, role);
      return true;
    } catch (error) {
      if (error instanceof AccountError && error.code === 'account.last-admin') return false;
      throw error;
    }
  }

  async #link(
    provider: Provider,
    identity: SsoIdentity,
    { account }: LoginCaller,
    visit: SignInVisit,
  ): Promise<SsoLink> {
    const { links, audit, notices } = this.#options;
    const link = linkOf(provider, identity, account.id, this.#now());
    const same = await links.find(identity.issuer, identity.subject);
    if (same?.accountId === account.id) return same;
    await links.insert(link);
    const { address, requestId } = visit;
    audit.note({
      event: 'account.sso-linked',
      actor: { id: account.id, name: account.username },
      address,
      target: provider.id,
      result: 'ok',
      requestId,
    });
    notices.tell({
      kind: 'sso.linked',
      to: { kind: 'account', accountId: account.id },
      facts: { provider: provider.name, address, software: softwareOf(visit.userAgent) },
    });
    return link;
  }

  /** The very person that is linked, and proven since it was asked for (row A-11). */
  async #stepUp(
    { issuer, subject, authenticatedAt }: SsoIdentity,
    { account, login }: LoginCaller,
    { transaction, visit }: { transaction: Transaction; visit: SignInVisit },
  ): Promise<SteppedUp> {
    const { errand, startedAt } = transaction;
    if (errand.kind !== 'step-up') throw expired();
    const link = await this.#options.links.find(issuer, subject);
    if (link?.accountId !== account.id) throw elsewhere();
    const since = startedAt.getTime() - skewMs;
    const isAnew = authenticatedAt !== undefined && authenticatedAt.getTime() >= since;
    const told = { authenticatedAt: isAnew ? authenticatedAt : undefined, visit };
    return this.#options.stepUp.proveBySso({ account, login }, errand.challengeId, told);
  }

  /** @throws AccountError sso.unknown */
  async #require(providerId: string): Promise<Provider> {
    const provider = await this.#options.providers.find(providerId);
    if (provider?.isEnabled === true) return provider;
    throw new AccountError(
      'sso.unknown',
      'there is no such identity provider, or it is switched off: sign in another way',
    );
  }
}

/** The login that set out, at the browser that comes back. @throws AccountError sso.expired */
function requireSame(caller: Caller, errand: Exclude<Errand, { kind: 'sign-in' }>): LoginCaller {
  const isSame =
    caller.kind === 'login' &&
    caller.login.id === errand.loginId &&
    caller.account.id === errand.accountId;
  if (isSame) return caller;
  throw expired();
}

function thereLogin(
  { accountId, providerId }: SsoLink,
  { issuer, subject, sid }: SsoIdentity,
  idToken: string,
): ThereLogin {
  return { accountId, providerId, issuer, subject, sid, idToken };
}

function expired(): AccountError {
  return new AccountError(
    'sso.expired',
    'this sign-in was begun in another browser, took longer than ten minutes, or has ended: begin again',
  );
}

function elsewhere(): AccountError {
  return new AccountError(
    'sso.conflict',
    'this person of the provider does not belong to this account: sign in there as the one that is linked',
  );
}

function needsFactor({ name }: Provider): AccountError {
  return new AccountError(
    'sso.factor',
    `admins of this hub need a second factor, and ${name} did not say that it asked for one: set one up there and sign in again`,
  );
}
