// Somebody who proved who he is arrives; a login leaves with the secret for his cookie, and later who a secret belongs to (row A-18).

import { type Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { Account } from '../account.ts';
import type { AccountLimits } from '../limits.ts';
import type { Audit } from '../../audit/audit.ts';
import type { AccountCounts } from '../noted.ts';
import { hashOf, isSecret, newSecret } from '../secret.ts';
import { mayComeFrom } from './address-lists.ts';
import type { Login, LoginMethod, Restriction, Visit } from './login.ts';
import { softwareOf } from './software.ts';

/** As it is kept: its end follows from the role that its account has today. */
export type LoginRecord = Omit<Login, 'endsAt'>;

/** What may change in a login that gets a new secret. */
export interface LoginChange {
  readonly methods?: readonly LoginMethod[];
  /** null: lifted. */
  readonly restriction?: Restriction | null;
  readonly liftedUntil?: Date;
}

export interface LoginStore {
  /** Also forgets what is older than `deadBefore`: no login lives that long. */
  insert(login: LoginRecord, deadBefore: Date): Promise<void>;
  findBySecret(secretHash: Buffer): Promise<{ account: Account; login: LoginRecord } | undefined>;
  /** The youngest first. */
  list(accountId: string): Promise<LoginRecord[]>;
  /** Never back in time. */
  touch(id: string, seenAt: Date, address: string | undefined): Promise<void>;
  /** Undefined: it has ended meanwhile, or has another secret than `former`. */
  replaceSecret(
    former: Pick<Login, 'id' | 'secretHash'>,
    secretHash: Buffer,
    change: LoginChange,
  ): Promise<LoginRecord | undefined>;
  /** Announces each of those that were there to every process; says how many. */
  remove(which: { accountId: string; id?: string; except?: string }): Promise<number>;
  /** Undefined: any may have ended unseen. */
  watch(onEnded: (loginId: string | undefined) => void): Promise<() => Promise<void>>;
}

/** Whoever holds a connection open for a login ends it when the login ends. Undefined: look again whether it lives. */
export type EndedListener = (loginId: string | undefined) => void;

export interface Begun {
  readonly login: Login;
  /** For the cookie; nowhere else, and never again. */
  readonly secret: string;
}

interface LoginsOptions {
  readonly store: LoginStore;
  readonly limits: AccountLimits;
  readonly audit: Audit;
  readonly counts: AccountCounts;
  readonly now?: () => Date;
}

/** A page asks ten times; once a minute is exact enough for an end after an hour. */
const touchIntervalMs = 60_000;

export class Logins {
  readonly #store: LoginStore;
  readonly #limits: AccountLimits;
  readonly #audit: Audit;
  readonly #counts: AccountCounts;
  readonly #now: () => Date;
  readonly #listeners = new Set<EndedListener>();
  #unwatch: (() => Promise<void>) | undefined;

  constructor(options: LoginsOptions) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#audit = options.audit;
    this.#counts = options.counts;
    this.#now = options.now ?? (() => new Date());
  }

  async start(): Promise<void> {
    this.#unwatch = await this.#store.watch((loginId) => {
      for (const listener of this.#listeners) listener(loginId);
    });
  }

  async stop(): Promise<void> {
    await this.#unwatch?.();
  }

  /** With more than `loginsPerAccount` the oldest end. */
  async begin(
    account: Account,
    how: { methods: readonly LoginMethod[]; visit: Visit; restriction?: Restriction | undefined },
  ): Promise<Begun> {
    const at = this.#now();
    const secret = newSecret();
    const record: LoginRecord = {
      id: randomUUIDv7(),
      accountId: account.id,
      secretHash: hashOf(secret),
      methods: how.methods,
      restriction: how.restriction,
      createdAt: at,
      seenAt: at,
      address: how.visit.address,
      software: softwareOf(how.visit.userAgent),
      liftedUntil: undefined,
    };
    const deadBefore = new Date(at.getTime() - this.#longestLifeMs);
    await this.#store.insert(record, deadBefore);
    await this.#endBeyondCap(account);
    return { login: this.#withEnd(record, account), secret };
  }

  /**
   * Whose login it is. Undefined: it never was, it has ended, its account is suspended, or this is no network of the account
   * (which is noted).
   */
  async find(
    secret: string,
    { address, requestId }: Pick<Visit, 'address' | 'requestId'>,
  ): Promise<{ account: Account; login: Login } | undefined> {
    if (!isSecret(secret)) return undefined;
    const found = await this.#store.findBySecret(hashOf(secret));
    if (found === undefined || found.account.state !== 'active') return undefined;
    const { account } = found;
    const login = this.#withEnd(found.login, account);
    if (this.#isOver(login, account)) {
      await this.end(login);
      return undefined;
    }
    if (!mayComeFrom(account.networks, address)) {
      this.#counts.networkRefused();
      this.#audit.note({
        event: 'login.denied',
        actor: { id: account.id, name: account.username },
        address,
        result: 'denied',
        reason: 'network',
        requestId,
      });
      return undefined;
    }
    return { account, login: await this.#touched(login, address) };
  }

  /**
   * A new secret, after which the former opens nothing: at a second factor, a step-up, or when a restriction is lifted.
   * `renewed`: another call did that since this one found the login. Its browser has been sent the secret that counts, which
   * one more would make worthless; and whoever only knows the former is let into nothing by being second. Undefined: it has ended.
   */
  async renew(
    login: Login,
    account: Account,
    change: LoginChange = {},
  ): Promise<Begun | 'renewed' | undefined> {
    const secret = newSecret();
    const record = await this.#store.replaceSecret(login, hashOf(secret), change);
    if (record !== undefined) return { login: this.#withEnd(record, account), secret };
    const living = await this.#store.list(login.accountId);
    return living.some(({ id }) => id === login.id) ? 'renewed' : undefined;
  }

  /** Those that live, the youngest first. */
  async list(account: Account): Promise<Login[]> {
    const records = await this.#store.list(account.id);
    const all = records.map((record) => this.#withEnd(record, account));
    return all.filter((login) => !this.#isOver(login, account));
  }

  /** False: there was none. */
  async end({ accountId, id }: Pick<Login, 'accountId' | 'id'>): Promise<boolean> {
    return (await this.#remove({ accountId, id })) > 0;
  }

  async endOthers({ accountId, id }: Pick<Login, 'accountId' | 'id'>): Promise<number> {
    return this.#remove({ accountId, except: id });
  }

  async endAll(accountId: string): Promise<number> {
    return this.#remove({ accountId });
  }

  /** Called within a second of a login's end, in every process. Returns the way to be called no more. */
  onEnded(listener: EndedListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #remove(which: Parameters<LoginStore['remove']>[0]): Promise<number> {
    const ended = await this.#store.remove(which);
    for (let count = 0; count < ended; count++) this.#counts.loginEnded();
    return ended;
  }

  async #endBeyondCap({ id: accountId }: Account): Promise<void> {
    const { loginsPerAccount } = this.#limits;
    if (loginsPerAccount === 0) return;
    const records = await this.#store.list(accountId);
    for (const { id } of records.slice(loginsPerAccount)) await this.end({ accountId, id });
  }

  async #touched(login: Login, address: string | undefined): Promise<Login> {
    const seenAt = this.#now();
    const isRecent = seenAt.getTime() - login.seenAt.getTime() < touchIntervalMs;
    if (isRecent && login.address === address) return login;
    await this.#store.touch(login.id, seenAt, address);
    const { id: target, accountId: id } = login;
    // Left out unless HUB_AUDIT_EXCLUDE wants it.
    this.#audit.note({
      event: 'session.touch',
      actor: { id, name: id },
      address,
      target,
      result: 'ok',
    });
    return { ...login, seenAt, address };
  }

  #withEnd(record: LoginRecord, account: Account): Login {
    const endsAt = new Date(record.createdAt.getTime() + this.#spanOf(account).lifeMs);
    return { ...record, endsAt };
  }

  #isOver({ seenAt, endsAt }: Login, account: Account): boolean {
    const now = this.#now().getTime();
    return now >= endsAt.getTime() || now - seenAt.getTime() >= this.#spanOf(account).idleMs;
  }

  #spanOf({ role }: Account): { idleMs: number; lifeMs: number } {
    const { adminIdleMs, adminLifeMs, loginIdleMs, loginLifeMs } = this.#limits;
    return role === 'admin'
      ? { idleMs: adminIdleMs, lifeMs: adminLifeMs }
      : { idleMs: loginIdleMs, lifeMs: loginLifeMs };
  }

  get #longestLifeMs(): number {
    return Math.max(this.#limits.adminLifeMs, this.#limits.loginLifeMs);
  }
}
