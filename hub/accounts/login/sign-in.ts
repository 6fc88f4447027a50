// Proofs of who somebody is arrive, by whichever door; a login leaves, or the question for the next proof (rows ).

import type { CidrSet } from '../../../shared/net-address.ts';
import { AccountError } from '../account-error.ts';
import { emailKey, usernameKey, type Account } from '../account.ts';
import type { Factors, FactorMethod, Proof } from '../factors/factors.ts';
import type { AuthenticationResponse } from '../factors/passkeys.ts';
import { requireRecoveryCode } from '../factors/recovery-code.ts';
import type { TrustCookie, TrustedBrowsers } from '../factors/trusted-browsers.ts';
import type { Passwords } from '../password/passwords.ts';
import { isReadable } from '../password/policy.ts';
import type { LocalLogin } from '../sso/identity.ts';
import {
  Entry,
  type Entered,
  type EntryAccounts,
  type EntryOptions,
  type SignInVisit,
} from './entry.ts';
import { strangeSubject, type Admission, type Attempt, type Guard } from './guard.ts';
import type { Login, LoginMethod, Restriction } from './login.ts';
import { softwareOf } from './software.ts';
import type { Transaction, Transactions } from './transactions.ts';
import type { Travel } from './travel.ts';

export type SignInOutcome =
  | Entered
  | {
      readonly kind: 'factor';
      /** For `__Host-phlix_login`. */
      readonly transaction: string;
      readonly methods: readonly FactorMethod[];
    };

/** Where accounts are looked up; implemented by hub/db/accounts/account-store.ts. */
export interface SignInAccounts extends EntryAccounts {
  find(id: string): Promise<Account | undefined>;
  findByKey(key: string): Promise<Account | undefined>;
  /** Of addresses that were proven. */
  findByEmail(emailKey: string): Promise<Account | undefined>;
  passwordOf(id: string): Promise<string | undefined>;
  /** Only over `former`: two sign-ins at once hash it once. */
  rehash(id: string, former: string, phc: string): Promise<void>;
}

export interface SignInOptions extends EntryOptions {
  readonly travel: Pick<Travel, 'action' | 'look' | 'arrived' | 'countryOf'>;
  /** HUB_TRUSTED_NETWORKS (row A-15). */
  readonly trustedNetworks: CidrSet;
  readonly accounts: SignInAccounts;
  readonly passwords: Passwords;
  readonly factors: Pick<Factors, 'standingOf' | 'check' | 'identify'>;
  readonly trustedBrowsers: Pick<TrustedBrowsers, 'recognise'>;
  readonly localLogin: Pick<LocalLogin, 'requireOpen'>;
  readonly providerLogins: HeldLogins;
  readonly guard: Guard;
  readonly transactions: Transactions;
  /** After a right password: whether it has been stolen is looked up while nobody waits. */
  readonly onPassword: (account: Account, password: string) => void;
}

/** What a provider said at the first step; implemented by sso/provider-logins.ts. */
interface HeldLogins {
  /** `secret`: of `__Host-phlix_login`, which stood for the sign-in. */
  claim(secret: string, login: Pick<Login, 'id' | 'accountId'>): Promise<void>;
}

/** Longer ones are nobody's (RFC 5321: an address has 254). */
const nameLength = 254;
/** Holds no codes: whom there is nothing to ask for is asked for as much as anybody. */
const nobody = '00000000-0000-0000-0000-000000000000';

export class SignIn {
  readonly #options: SignInOptions;
  readonly #entry: Entry;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#entry = new Entry(options);
  }

  /**
   * The user name, or the proven e-mail address. An unknown one takes the road of a known one, to the same end.
   * @throws AccountError login.failed | login.locked | login.busy | login.disabled
   */
  async withPassword(
    { name, password }: { name: string; password: string },
    visit: SignInVisit,
  ): Promise<SignInOutcome> {
    const { accounts, passwords, localLogin } = this.#options;
    await localLogin.requireOpen();
    // A flood shall cost no queries either. Whoever brings a cookie may be known: that takes a look.
    if (visit.browser === undefined) this.#requireRoom();
    const account = await this.#named(name);
    const phc = account && (await accounts.passwordOf(account.id));
    const subject = account?.id ?? strangeSubject(usernameKey(name.slice(0, nameLength)));
    const admission = await this.#admit(account, { visit, stage: 'password', subject });
    const seen = { account, method: 'password', visit, name } as const;
    if (!isReadable(password)) throw this.#entry.failed(admission, seen, 'malformed');
    const comer = admission.isKnown ? 'known' : 'stranger';
    const checked = await passwords.check(password, phc, comer).catch(async (error: unknown) => {
      await admission.release();
      this.#options.counts.login('busy', 'password');
      throw error;
    });
    if (account === undefined || !checked.isRight)
      throw this.#entry.failed(admission, seen, 'password');
    this.#entry.requireWelcome(account, admission, seen);
    if (checked.isOutdated) {
      await accounts.rehash(account.id, phc ?? '', await passwords.hash(password));
    }
    const outcome = await this.#afterFirst(account, { methods: ['password'], visit, admission });
    this.#options.onPassword(account, password);
    return outcome;
  }

  /** Before a passkey: what its challenge is bound to. The secret is for `__Host-phlix_login`. */
  async begin(): Promise<{ transaction: Transaction; secret: string }> {
    await this.#options.localLogin.requireOpen();
    return this.#options.transactions.open(undefined);
  }

  /** The sign-in that a cookie stands for. @throws AccountError login.expired */
  async transactionOf(secret: string | undefined): Promise<Transaction> {
    const transaction = await this.#options.transactions.find(secret);
    if (transaction !== undefined) return transaction;
    throw new AccountError(
      'login.expired',
      'this sign-in took too long or has ended: begin again with your name or your passkey',
    );
  }

  /**
   * A passkey is both: whose it is, and that its holder was asked for a fingerprint or a PIN.
   * @throws AccountError login.failed | login.locked | login.expired | login.disabled
   */
  async withPasskey(
    secret: string | undefined,
    response: AuthenticationResponse,
    visit: SignInVisit,
  ): Promise<SignInOutcome> {
    const { accounts, factors, localLogin } = this.#options;
    await localLogin.requireOpen();
    const transaction = await this.transactionOf(secret);
    const admission = await this.#admit(undefined, {
      visit,
      stage: 'password',
      subject: undefined,
    });
    const id = await factors.identify(response, transaction.id);
    const account = id === undefined ? undefined : await accounts.find(id);
    const seen = { account, method: 'passkey', visit } as const;
    const isExpected = transaction.accountId === undefined || transaction.accountId === account?.id;
    if (account === undefined || !isExpected) throw this.#entry.failed(admission, seen, 'passkey');
    const standing = await this.#entry.requireStanding(account, 'passkey', admission, seen);
    // A second proof by itself, so that nothing else could be asked for.
    if (transaction.accountId === undefined) await this.#entry.isTooFar(account, admission, seen);
    await this.#requireTaken(transaction);
    const methods: LoginMethod[] = [...transaction.methods, 'passkey'];
    const entered = await this.#entry.finish(account, { methods, visit, admission, standing });
    return this.#claimed(secret, entered);
  }

  /**
   * For whoever has no password and lost what held the passkeys: a code from the drawer stands alone (row A-17). An account with
   * a password is asked for that first. The login may do nothing but make the account safe again.
   * @throws AccountError login.failed | login.locked | login.disabled | mfa.malformed
   */
  async withRecoveryCode(
    { name, code }: { name: string; code: string },
    visit: SignInVisit,
  ): Promise<Entered> {
    const { accounts, factors, localLogin } = this.#options;
    await localLogin.requireOpen();
    // Before anybody is looked up, so that it tells nothing of them.
    requireRecoveryCode(code);
    const account = await this.#named(name);
    const subject = account?.id ?? strangeSubject(usernameKey(name.slice(0, nameLength)));
    const admission = await this.#admit(account, { visit, stage: 'password', subject });
    const seen = { account, method: 'recovery', visit, name } as const;
    const phc = account && (await accounts.passwordOf(account.id));
    const asked = account !== undefined && phc === undefined ? account.id : nobody;
    const isRight = await factors.check(asked, { method: 'recovery', code }, asked);
    if (account === undefined || !isRight) throw this.#entry.failed(admission, seen, 'recovery');
    const standing = await this.#entry.requireStanding(account, 'recovery', admission, seen);
    await this.#entry.isTooFar(account, admission, seen);
    return this.#entry.finish(account, { methods: ['recovery'], visit, admission, standing });
  }

  /** The second proof. @throws AccountError login.failed | login.locked | login.expired | mfa.malformed */
  async withFactor(
    secret: string | undefined,
    proof: Proof,
    visit: SignInVisit,
  ): Promise<SignInOutcome> {
    const { accounts, factors, transactions } = this.#options;
    const transaction = await this.transactionOf(secret);
    if (transaction.accountId === undefined) {
      if (proof.method === 'passkey') return this.withPasskey(secret, proof.response, visit);
      throw expiredWithoutName();
    }
    const account = await accounts.find(transaction.accountId);
    const subject = transaction.accountId;
    const admission = await this.#admit(account, { visit, stage: 'factor', subject });
    const seen = { account, method: proof.method, visit } as const;
    const isRight = await this.#isFactor(factors, transaction, proof).catch(
      async (error: unknown) => {
        await admission.release();
        throw error;
      },
    );
    if (account === undefined || !isRight) {
      await transactions.fail(transaction);
      throw this.#entry.failed(admission, seen, 'factor');
    }
    const standing = await this.#entry.requireStanding(account, proof.method, admission, seen);
    await this.#requireTaken(transaction);
    const methods: LoginMethod[] = [...transaction.methods, proof.method];
    const entered = await this.#entry.finish(account, { methods, visit, admission, standing });
    return this.#claimed(secret, entered);
  }

  /**
   * What a provider has proven (row A-06). Its second factor counts; where it asked for none and the account has one, the hub asks.
   * @throws AccountError login.failed | login.locked
   */
  async withSso(
    { accountId, isMultiFactor }: { accountId: string; isMultiFactor: boolean },
    visit: SignInVisit,
  ): Promise<SignInOutcome> {
    const account = await this.#options.accounts.find(accountId);
    const admission = await this.#admit(account, { visit, stage: 'password', subject: accountId });
    const seen = { account, method: 'sso', visit } as const;
    if (account === undefined) throw this.#entry.failed(admission, seen, 'unknown');
    this.#entry.requireWelcome(account, admission, seen);
    if (!isMultiFactor) return this.#afterFirst(account, { methods: ['sso'], visit, admission });
    const standing = await this.#entry.requireStanding(account, 'sso', admission, seen);
    await this.#entry.isTooFar(account, admission, seen);
    return this.#entry.finish(account, {
      methods: ['sso', 'sso-factor'],
      visit,
      admission,
      standing,
    });
  }

  /** Who has just become an account by a token that was for him: setup, an invitation. */
  async enter(
    account: Account,
    how: { method: 'setup' | 'invitation'; restriction: Restriction | undefined },
    visit: SignInVisit,
  ): Promise<Entered> {
    const { method, restriction } = how;
    return this.#entry.begin(account, { methods: [method], visit, restriction });
  }

  /** @throws AccountError login.busy */
  #requireRoom(): void {
    try {
      this.#options.passwords.requireRoom();
    } catch (error) {
      this.#options.counts.login('busy', 'password');
      throw error;
    }
  }

  async #named(name: string): Promise<Account | undefined> {
    const { accounts } = this.#options;
    if (name.length === 0 || name.length > nameLength || !isStorable(name)) return undefined;
    return name.includes('@')
      ? accounts.findByEmail(emailKey(name))
      : accounts.findByKey(usernameKey(name));
  }

  async #admit(account: Account | undefined, attempt: Attempt & { visit: SignInVisit }) {
    const { browsers, guard } = this.#options;
    const { visit } = attempt;
    const browserId = account && (await browsers.find(visit.browser, account.id));
    return guard.admit({ ...attempt, browserId }).catch((error: unknown) => {
      this.#entry.refused({ account, method: attempt.stage, visit });
      throw error;
    });
  }

  async #isFactor(
    factors: SignInOptions['factors'],
    { accountId = '', id }: Transaction,
    proof: Proof,
  ): Promise<boolean> {
    const { methods } = await factors.standingOf(accountId);
    return methods.includes(proof.method) && (await factors.check(accountId, proof, id));
  }

  /** After the first of two proofs: the second is asked for, where there is one and this browser is not trusted. */
  async #afterFirst(
    account: Account,
    proven: { methods: LoginMethod[]; visit: SignInVisit; admission: Admission },
  ): Promise<SignInOutcome> {
    const { factors, transactions, counts } = this.#options;
    const { methods, visit, admission } = proven;
    const [method = 'password'] = methods;
    const standing = await factors.standingOf(account.id);
    const seen = { account, method, visit };
    if (standing.isLocked && !standing.methods.includes('recovery')) {
      throw this.#entry.failed(admission, seen, 'locked-down');
    }
    const isTooFar = await this.#entry.isTooFar(account, admission, seen);
    if (standing.methods.length === 0) {
      return this.#entry.finish(account, { ...proven, standing });
    }
    const trusted = standing.isLocked || isTooFar ? undefined : await this.#trusted(account, visit);
    if (trusted !== undefined) {
      const { by, trust } = trusted;
      const finished = await this.#entry.finish(account, {
        ...proven,
        methods: [...methods, by],
        standing,
      });
      return { ...finished, trust };
    }
    const opened = await transactions.open({ accountId: account.id, methods });
    await admission.succeed();
    counts.login('factor', method);
    const asked = standing.isLocked ? (['recovery'] as const) : standing.methods;
    return { kind: 'factor', transaction: opened.secret, methods: asked };
  }

  /** Why this browser is not asked for the second factor; undefined: it is. */
  async #trusted(
    account: Account,
    visit: SignInVisit,
  ): Promise<{ by: LoginMethod; trust?: TrustCookie } | undefined> {
    const { trust: cookie, userAgent, address } = visit;
    if (cookie !== undefined) {
      const { trustedBrowsers, travel } = this.#options;
      const country = await travel.countryOf(address);
      const surroundings = { software: softwareOf(userAgent), country };
      const trust = await trustedBrowsers.recognise(account.id, cookie, surroundings);
      if (trust !== undefined) return { by: 'trusted-browser', trust };
    }
    return (await this.#isAtHome(account, visit)) ? { by: 'trusted-network' } : undefined;
  }

  /**
   * From a network that the operator trusts, a browser that the account knows is as good as one that its holder trusts (row
   * An admin's is not, and nobody whose address a proxy kept to itself is in any network.
   */
  async #isAtHome({ id, role }: Account, { address, browser }: SignInVisit): Promise<boolean> {
    const { trustedNetworks, browsers } = this.#options;
    if (role === 'admin' || address === undefined || !trustedNetworks.has(address)) return false;
    return (await browsers.find(browser, id)) !== undefined;
  }

  /** What began at a provider ends there too, though the hub asked for more. */
  async #claimed(secret: string | undefined, entered: Entered): Promise<Entered> {
    const isFromProvider = entered.login.methods.includes('sso');
    if (isFromProvider && secret !== undefined)
      await this.#options.providerLogins.claim(secret, entered.login);
    return entered;
  }

  /** @throws AccountError login.expired */
  async #requireTaken(transaction: Transaction): Promise<void> {
    if (!(await this.#options.transactions.take(transaction))) throw usedUp();
  }
}

/** PostgreSQL takes neither in a text. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

function usedUp(): AccountError {
  return new AccountError('login.expired', 'this sign-in has ended: begin again');
}

function expiredWithoutName(): AccountError {
  return new AccountError(
    'login.expired',
    'a code is asked for after a password only: begin again with your name and password',
  );
}
