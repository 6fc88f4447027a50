// A login that wants to do something dangerous arrives; it is let through, or told how to prove once more whose it is (row A-11).

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { Audit } from '../../audit/audit.ts';
import { AccountError } from '../account-error.ts';
import type { Account } from '../account.ts';
import type { Factors, Proof } from '../factors/factors.ts';
import type { AccountLimits } from '../limits.ts';
import type { Guard } from '../login/guard.ts';
import type { KnownBrowsers } from '../login/known-browsers.ts';
import type { SignInVisit } from '../login/entry.ts';
import type { Login } from '../login/login.ts';
import type { Begun, Logins } from '../login/logins.ts';
import type { AccountCounts } from '../noted.ts';
import type { Passwords } from '../password/passwords.ts';
import { isReadable } from '../password/policy.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';

/** destructive: what cannot be taken back, or opens doors. config: every other change. */
export type StepUpLevel = 'config' | 'destructive';

/** HUB_STEP_UP: for which of them a proof is asked. `everything`: also before what is neither, such as giving something a name. */
export const stepUpPolicies = ['off', 'destructive', 'all-config', 'everything'] as const;
export type StepUpPolicy = (typeof stepUpPolicies)[number];

export interface Demand {
  /** `small`: a change that nothing hangs on. Where it is asked for, it is proven as `config` is. */
  readonly level: StepUpLevel | 'small';
  /** `servers.revoke`: a proof for one action serves no other, nor another target. */
  readonly action: string;
  readonly target: string;
  /** Of X-Phlix-Step-Up. */
  readonly proof?: string | undefined;
}

export interface Challenge extends Omit<Demand, 'proof' | 'level'> {
  readonly id: string;
  readonly level: StepUpLevel;
  readonly loginId: string;
  readonly expiresAt: Date;
  readonly isProven: boolean;
}

export interface StepUpStore {
  /** Also forgets what has expired, and of one login all but the youngest twenty. */
  insert(challenge: Challenge, now: Date): Promise<void>;
  find(id: string): Promise<Challenge | undefined>;
  /** False: somebody has proven it before. `proofHash` undefined: its proof lies in the login. */
  prove(id: string, proofHash: Buffer | undefined): Promise<boolean>;
  /** True for one of however many come with it. */
  spend(
    proofHash: Buffer,
    use: { loginId: string; action: string; target: string; now: Date },
  ): Promise<boolean>;
}

/** `sso`: sign in to the provider anew; StepUp.proveBySso takes what it said. */
export type StepUpMethod = Proof['method'] | 'password' | 'sso';

export type StepUpProof = Proof | { readonly method: 'password'; readonly password: string };

/**
 * Lifted: the login has a new secret; without `begun` another proof of the same moment gave it that, and its answer brings it.
 * Proven: the next call brings `proof` along.
 */
export type SteppedUp =
  | { readonly kind: 'lifted'; readonly begun: Begun | undefined }
  | { readonly kind: 'proven'; readonly proof: string };

interface StepUpOptions {
  readonly store: StepUpStore;
  readonly policy: StepUpPolicy;
  readonly logins: Logins;
  readonly guard: Guard;
  readonly browsers: KnownBrowsers;
  readonly factors: Pick<Factors, 'methodsOf' | 'check'>;
  readonly passwords: Passwords;
  readonly accounts: { passwordOf(accountId: string): Promise<string | undefined> };
  /** Linked to a provider that can be asked to sign in anew. */
  readonly sso: { isLinked(accountId: string): Promise<boolean> };
  readonly limits: AccountLimits;
  readonly audit: Audit;
  readonly counts: AccountCounts;
  readonly now?: () => Date;
}

export class StepUp {
  readonly #options: StepUpOptions;
  readonly #now: () => Date;

  constructor(options: StepUpOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** @throws AccountError login.step-up, with `challenge` */
  async require(login: Login, demand: Demand): Promise<void> {
    if (!this.#asksFor(demand.level)) return;
    // It can do nothing but enrol what it could prove itself with, and came by a secret that was for this once.
    if (login.restriction === 'enrol') return;
    if (await this.#isProven(login, demand)) return;
    throw await this.#challenge(login, demand);
  }

  /**
   * @throws AccountError login.failed | login.locked | login.busy | login.expired | mfa.malformed
   */
  async prove(
    { account, login }: { account: Account; login: Login },
    challengeId: string,
    { proof, visit }: { proof: StepUpProof; visit: SignInVisit },
  ): Promise<SteppedUp> {
    const challenge = await this.challengeOf(login, challengeId);
    const { guard, browsers, counts } = this.#options;
    const browserId = await browsers.find(visit.browser, account.id);
    const admission = await guard.admit({ visit, stage: 'factor', subject: account.id, browserId });
    const isRight = await this.#isRight(account, login, challenge, proof).catch(
      async (error: unknown) => {
        await admission.release();
        throw error;
      },
    );
    if (isRight) {
      await admission.succeed({ isProven: true });
      return this.#proven({ account, login }, challenge, { method: proof.method, visit });
    }
    admission.fail();
    counts.stepUp('failed');
    this.#note('login.step-up-failed', { account, challenge, method: proof.method, visit });
    throw new AccountError(
      'login.failed',
      'this password or code is not right: try again, or prove it in another way',
    );
  }

  /** The provider was asked with prompt=login&max_age=0 and says when (`auth_time`): it must be after the challenge. */
  async proveBySso(
    { account, login }: { account: Account; login: Login },
    challengeId: string,
    { authenticatedAt, visit }: { authenticatedAt: Date | undefined; visit: SignInVisit },
  ): Promise<SteppedUp> {
    const challenge = await this.challengeOf(login, challengeId);
    const begunAt = challenge.expiresAt.getTime() - this.#options.limits.stepUpMs;
    const isFresh =
      authenticatedAt !== undefined && authenticatedAt.getTime() >= begunAt - clockSkewMs;
    const isOffered = (await this.#methodsFor(login, challenge.level)).includes('sso');
    if (isFresh && isOffered) {
      return this.#proven({ account, login }, challenge, { method: 'sso', visit });
    }
    this.#options.counts.stepUp('failed');
    this.#note('login.step-up-failed', { account, challenge, method: 'sso', visit });
    throw new AccountError(
      'login.failed',
      'the provider did not ask you to sign in anew: try again, or prove it in another way',
    );
  }

  /** One that is still open, and this login's. @throws AccountError login.expired */
  async challengeOf(login: Login, challengeId: string): Promise<Challenge> {
    const challenge = await this.#options.store.find(challengeId);
    const isOpen =
      challenge !== undefined &&
      challenge.loginId === login.id &&
      !challenge.isProven &&
      challenge.expiresAt.getTime() > this.#now().getTime();
    if (isOpen) return challenge;
    throw new AccountError(
      'login.expired',
      'this question has expired or was answered before: repeat what you wanted to do',
    );
  }

  async #isProven(login: Login, { level, action, target, proof }: Demand): Promise<boolean> {
    const now = this.#now();
    if (level !== 'destructive') return (login.liftedUntil?.getTime() ?? 0) > now.getTime();
    if (proof === undefined || !isSecret(proof)) return false;
    const use = { loginId: login.id, action, target, now };
    return this.#options.store.spend(hashOf(proof), use);
  }

  async #challenge(login: Login, demand: Demand): Promise<AccountError> {
    const now = this.#now();
    const { action, target } = demand;
    const level = demand.level === 'small' ? 'config' : demand.level;
    const challenge: Challenge = {
      id: randomUUIDv7(),
      loginId: login.id,
      level,
      action,
      target,
      expiresAt: new Date(now.getTime() + this.#options.limits.stepUpMs),
      isProven: false,
    };
    await this.#options.store.insert(challenge, now);
    this.#options.counts.stepUp('asked');
    const methods = await this.#methodsFor(login, level);
    return new AccountError(
      'login.step-up',
      'prove that it is you, and this will be done: the hub asks before it changes anything important',
      { challenge: { id: challenge.id, methods } },
    );
  }

  /**
   * A password is no proof where there is something better. A recovery code is for lost telephones, not for what cannot be
   * taken back.
   */
  async #methodsFor({ accountId }: Login, level: StepUpLevel): Promise<StepUpMethod[]> {
    const { factors, accounts, sso } = this.#options;
    const enrolled = await factors.methodsOf(accountId);
    const methods: StepUpMethod[] = enrolled.filter(
      (method) => method !== 'recovery' || level === 'config',
    );
    const hasFactor = enrolled.some((method) => method !== 'recovery');
    const hasPassword = !hasFactor && (await accounts.passwordOf(accountId)) !== undefined;
    if (hasPassword) methods.push('password');
    if (await sso.isLinked(accountId)) methods.push('sso');
    return methods;
  }

  async #isRight(
    { id }: Account,
    login: Login,
    { level }: Challenge,
    proof: StepUpProof,
  ): Promise<boolean> {
    const methods = await this.#methodsFor(login, level);
    if (!methods.includes(proof.method)) return false;
    const { factors, passwords, accounts } = this.#options;
    if (proof.method !== 'password') return factors.check(id, proof, login.id);
    if (!isReadable(proof.password)) return false;
    const phc = await accounts.passwordOf(id);
    return (await passwords.check(proof.password, phc, 'known')).isRight;
  }

  async #proven(
    { account, login }: { account: Account; login: Login },
    challenge: Challenge,
    how: { method: string; visit: SignInVisit },
  ): Promise<SteppedUp> {
    const { store, logins, limits, counts } = this.#options;
    const proof = challenge.level === 'destructive' ? newSecret() : undefined;
    const proofHash = proof === undefined ? undefined : hashOf(proof);
    const isFirst = await store.prove(challenge.id, proofHash);
    if (!isFirst) throw new AccountError('login.expired', 'this question was answered before');
    counts.stepUp('ok');
    this.#note('login.step-up-ok', { account, challenge, ...how });
    if (proof !== undefined) return { kind: 'proven', proof };
    const liftedUntil = new Date(this.#now().getTime() + limits.stepUpMs);
    const begun = await logins.renew(login, account, { liftedUntil });
    if (begun === undefined) throw new AccountError('login.required', 'sign in again');
    return { kind: 'lifted', begun: begun === 'renewed' ? undefined : begun };
  }

  #asksFor(level: Demand['level']): boolean {
    return asked[this.#options.policy].includes(level);
  }

  #note(
    event: 'login.step-up-ok' | 'login.step-up-failed',
    noted: { account: Account; challenge: Challenge; method: string; visit: SignInVisit },
  ): void {
    const { account, challenge, method, visit } = noted;
    this.#options.audit.note({
      event,
      actor: { id: account.id, name: account.username },
      address: visit.address,
      target: `${challenge.action} ${challenge.target}`,
      result: event === 'login.step-up-ok' ? 'ok' : 'failed',
      method,
      requestId: visit.requestId,
    });
  }
}

const asked: Readonly<Record<StepUpPolicy, readonly Demand['level'][]>> = {
  off: [],
  destructive: ['destructive'],
  'all-config': ['destructive', 'config'],
  everything: ['destructive', 'config', 'small'],
};

/** Between the provider's clock and this one. */
const clockSkewMs = 60_000;
