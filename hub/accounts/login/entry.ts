// Somebody who has proven enough arrives, or who has failed to; a login leaves, or a refusal that tells nothing, and everybody who should know is told.

import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { Factors, Standing } from '../factors/factors.ts';
import type { TrustCookie } from '../factors/trusted-browsers.ts';
import type { AccountLimits } from '../limits.ts';
import type { AccountCounts } from '../noted.ts';
import { mayComeFrom } from './address-lists.ts';
import type { Arrivals } from './arrivals.ts';
import type { Admission } from './guard.ts';
import type { KnownBrowsers } from './known-browsers.ts';
import type { Login, LoginMethod, Restriction, Visit } from './login.ts';
import type { Logins } from './logins.ts';
import { softwareOf } from './software.ts';
import type { Travel } from './travel.ts';

/** Who comes, with the cookies of his browser. */
export interface SignInVisit extends Visit {
  /** `__Host-phlix_dc`. */
  readonly browser?: string | undefined;
  /** `__Host-phlix_tb`. */
  readonly trust?: string | undefined;
}

export interface Entered {
  readonly kind: 'done';
  readonly account: Account;
  readonly login: Login;
  /** For `__Host-phlix_session`. */
  readonly secret: string;
  /** For `__Host-phlix_dc`. */
  readonly browser: string;
  /** For `__Host-phlix_tb`, where a trusted browser came: its former value is dead. */
  readonly trust?: TrustCookie | undefined;
}

/** Whom a try was about, as far as that is known. */
export interface Seen {
  readonly account: Account | undefined;
  readonly method: string;
  readonly visit: SignInVisit;
  /** As it was typed. */
  readonly name?: string | undefined;
}

interface Proven {
  readonly methods: readonly LoginMethod[];
  readonly visit: SignInVisit;
  readonly admission: Admission;
  readonly standing: Standing;
}

export interface EntryAccounts {
  noteLogin(id: string, at: Date): Promise<void>;
}

export interface EntryOptions {
  readonly accounts: EntryAccounts;
  readonly factors: Pick<Factors, 'standingOf'>;
  readonly browsers: KnownBrowsers;
  readonly logins: Logins;
  readonly arrivals: Arrivals;
  readonly travel: Pick<Travel, 'action' | 'look' | 'arrived'>;
  readonly limits: AccountLimits;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly counts: AccountCounts;
  readonly now?: () => Date;
}

export class Entry {
  readonly #options: EntryOptions;
  readonly #now: () => Date;

  constructor(options: EntryOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Proven: what was counted against the account is forgotten. */
  async finish(account: Account, proven: Proven): Promise<Entered> {
    const { methods, visit, admission, standing } = proven;
    await admission.succeed({ isProven: true });
    const restriction = this.#restrictionOf(account, methods, standing);
    return this.begin(account, { methods, visit, restriction });
  }

  async begin(
    account: Account,
    how: {
      methods: readonly LoginMethod[];
      visit: SignInVisit;
      restriction: Restriction | undefined;
    },
  ): Promise<Entered> {
    const { accounts, logins, browsers, arrivals, travel, counts } = this.#options;
    const { visit } = how;
    const isKnown = (await browsers.find(visit.browser, account.id)) !== undefined;
    const { login, secret } = await logins.begin(account, how);
    const browser = await browsers.remember(visit.browser, account.id);
    await accounts.noteLogin(account.id, login.createdAt);
    await arrivals.note(account, login, { isKnown });
    await travel.arrived(account.id, login);
    const method = how.methods.at(-1) ?? 'password';
    counts.login('ok', method);
    this.#note('login.ok', { account, method: how.methods.join('+'), visit }, 'ok');
    return { kind: 'done', account, login, secret, browser };
  }

  #restrictionOf(
    { role, createdAt }: Account,
    methods: readonly LoginMethod[],
    { mustEnrol, methods: enrolled }: Standing,
  ): Restriction | undefined {
    if (mustEnrol || methods.includes('recovery')) return 'enrol';
    const hasFactor = methods.includes('sso-factor') || enrolled.some((one) => one !== 'recovery');
    const age = this.#now().getTime() - createdAt.getTime();
    const isOverdue = role === 'admin' && !hasFactor && age >= this.#options.limits.adminGraceMs;
    return isOverdue ? 'enrol' : undefined;
  }

  /** @throws AccountError login.failed: suspended, or not from here; told apart in the audit log alone. */
  requireWelcome(account: Account, admission: Admission, seen: Seen): void {
    if (account.state !== 'active') throw this.failed(admission, seen, 'suspended');
    if (!mayComeFrom(account.networks, seen.visit.address)) {
      this.#options.counts.networkRefused();
      throw this.failed(admission, seen, 'network');
    }
  }

  /** @throws AccountError login.failed: also after "I lost my phone", when only a recovery code opens the account. */
  async requireStanding(
    account: Account,
    method: LoginMethod,
    admission: Admission,
    seen: Seen,
  ): Promise<Standing> {
    this.requireWelcome(account, admission, seen);
    const standing = await this.#options.factors.standingOf(account.id);
    if (!standing.isLocked || method === 'recovery') return standing;
    throw this.failed(admission, seen, 'locked-down');
  }

  /**
   * After the first proof, whatever it was. True: nobody can have come so far since the last sign-in, so a second one is
   * wanted even of a browser that is trusted. It counts against nobody: whoever uses a VPN would shut himself out.
   * @throws AccountError login.failed, where HUB_TRAVEL is block
   */
  async isTooFar(account: Account, admission: Admission, seen: Seen): Promise<boolean> {
    const { travel, notices, audit, counts } = this.#options;
    const { visit, method } = seen;
    const journey = await travel.look(account.id, visit);
    if (journey === undefined) return false;
    const isRefused = travel.action === 'block';
    const { address, userAgent, requestId } = visit;
    audit.note({
      event: 'login.travel',
      actor: { id: account.id, name: account.username },
      address,
      target: `${Math.round(journey.distanceKm)} km`,
      result: isRefused ? 'denied' : 'ok',
      method,
      requestId,
    });
    notices.tell({
      kind: 'login.travel',
      to: { kind: 'account', accountId: account.id },
      facts: { ...journey, isRefused, address, software: softwareOf(userAgent) },
    });
    if (!isRefused) return travel.action === 'challenge';
    await admission.release();
    counts.login('failed', method);
    throw refusal();
  }

  /** The guard let nobody try. */
  refused(seen: Seen): void {
    this.#options.counts.login('locked', seen.method);
    this.#note('login.locked', seen, 'denied');
  }

  /** Whatever it was, it sounds the same. */
  failed(admission: Admission, seen: Seen, reason: string): AccountError {
    const { counts, notices } = this.#options;
    admission.fail();
    counts.login('failed', seen.method);
    const isFactor = reason === 'factor';
    this.#note(isFactor ? 'mfa.failed' : 'login.failed', seen, 'failed', reason);
    if (isFactor && admission.isLast && seen.account !== undefined) {
      const { address, userAgent } = seen.visit;
      const attempts = this.#options.limits.factorFailures;
      const facts = { address, software: softwareOf(userAgent), attempts };
      notices.tell({
        kind: 'login.attacked',
        to: { kind: 'account', accountId: seen.account.id },
        facts,
      });
    }
    return refusal();
  }

  #note(
    event: 'login.ok' | 'login.failed' | 'login.locked' | 'mfa.failed',
    { account, method, visit, name }: Seen,
    result: 'ok' | 'denied' | 'failed',
    reason?: string,
  ): void {
    this.#options.audit.note({
      event,
      actor: account && result === 'ok' ? { id: account.id, name: account.username } : undefined,
      address: visit.address,
      target: account?.username ?? printable(name),
      result,
      method,
      reason,
      requestId: visit.requestId,
    });
  }
}

function refusal(): AccountError {
  return new AccountError(
    'login.failed',
    'this name, password or code is not right: check what you typed, and that your account is not suspended',
  );
}

/**
 * A name that could be one: what else people type there by mistake is a password. Those have twelve characters and more, so
 * of whom nobody knows only shorter names are written down, and addresses.
 */
function printable(name: string | undefined): string | undefined {
  return name !== undefined && (shortName.test(name) || mailAddress.test(name)) ? name : undefined;
}

const shortName = /^[\p{L}\p{N}@._+-]{1,11}$/u;
const mailAddress = /^[\p{L}\p{N}._+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}$/u;
