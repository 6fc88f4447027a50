// A hub without an admin arrives; a token for its first one leaves, once, and whoever brings it back becomes that admin (row A-23).

import type { Buffer } from 'node:buffer';
import { randomUUIDv7 } from 'node:crypto';

import type { Audit } from '../audit/audit.ts';
import { AccountError } from './account-error.ts';
import { usernameKey, type Account, type NewAccount } from './account.ts';
import type { Actor } from './caller.ts';
import type { AccountLimits } from './limits.ts';
import type { Entered, SignInVisit } from './login/entry.ts';
import type { SecretDoor } from './login/secret-door.ts';
import type { SignIn } from './login/sign-in.ts';
import { noted } from './noted.ts';
import { requireProfile, type NewProfile, type ProfileChecks } from './profile.ts';
import { hashOf, isSecret, newSecret } from './secret.ts';

export interface SetupStore {
  hasAdmin(): Promise<boolean>;
  /** Several may live at once: each process of a hub writes its own. */
  insertToken(secretHash: Buffer, times: { now: Date; expiresAt: Date }): Promise<void>;
  isLive(secretHash: Buffer, now: Date): Promise<boolean>;
  /**
   * Spends the token, voids all others and makes the account, or none of it. `done`: there is an admin. `unknown`: no such
   * token lives. One of however many that come at the same moment gets the account.
   * @throws AccountError account.exists
   */
  redeem(secretHash: Buffer, made: NewAccount, now: Date): Promise<'made' | 'done' | 'unknown'>;
}

/** The owner of everything from before accounts existed. */
const firstOwnerId = 'operator';

interface SetupOptions {
  readonly store: SetupStore;
  readonly checks: ProfileChecks;
  readonly signIn: Pick<SignIn, 'enter'>;
  readonly door: Pick<SecretDoor, 'pass'>;
  readonly limits: AccountLimits;
  readonly audit: Audit;
  /** There is an admin: what was written down for him can go. */
  readonly onSetUp?: () => void;
  readonly now?: () => Date;
}

export class Setup {
  readonly #options: SetupOptions;
  readonly #now: () => Date;

  constructor(options: SetupOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Nobody is admin yet, so the hub waits for whoever has its token. */
  async isOpen(): Promise<boolean> {
    return !(await this.#options.store.hasAdmin());
  }

  /**
   * A token to show to whoever has the machine. `former`: one that was written down there before, which goes on while it
   * lives. Undefined: there is an admin.
   */
  async token(former: string | undefined): Promise<string | undefined> {
    const { store, limits } = this.#options;
    if (await store.hasAdmin()) return undefined;
    const now = this.#now();
    const isLive =
      former !== undefined && isSecret(former) && (await store.isLive(hashOf(former), now));
    if (isLive) return former;
    const token = newSecret();
    const expiresAt = new Date(now.getTime() + limits.setupMs);
    await store.insertToken(hashOf(token), { now, expiresAt });
    return token;
  }

  /**
   * Without a password the login may do nothing but enrol a passkey or set one.
   * @throws AccountError setup.done | setup.token | login.locked | account.username | account.email | account.password-weak | account.password-breached
   */
  async redeem(token: string, wish: NewProfile, visit: SignInVisit): Promise<Entered> {
    const { store, door } = this.#options;
    // There is nothing to guess any more.
    if (await store.hasAdmin()) throw done();
    const make = async (): Promise<NewAccount> => this.#make(token, wish);
    const { account, passwordHash } = await door.pass('setup', visit, make);
    const { address, requestId } = visit;
    const actor = { id: account.id, name: account.username };
    this.#options.audit.note({ event: 'admin.setup', actor, address, result: 'ok', requestId });
    const restriction = passwordHash === undefined ? ('enrol' as const) : undefined;
    return this.#options.signIn.enter(account, { method: 'setup', restriction }, visit);
  }

  /** On the host, which needs no token: nobody has signed in by it. @throws AccountError as redeem */
  async create(wish: NewProfile, by: Actor): Promise<Account> {
    const token = await this.token(undefined);
    if (token === undefined) throw done();
    const { account } = await this.#make(token, wish);
    const target = account.username;
    this.#options.audit.note({ ...noted(by), event: 'admin.setup', target, result: 'ok' });
    return account;
  }

  async #make(token: string, wish: NewProfile): Promise<NewAccount> {
    const { store, checks } = this.#options;
    const now = this.#now();
    // Before any hash is made: strangers cannot keep the hub busy with it.
    if (await store.hasAdmin()) throw done();
    if (!isSecret(token) || !(await store.isLive(hashOf(token), now))) throw unknown();
    const profile = await requireProfile(wish, checks);
    const account = newAccount(profile, { role: 'admin', ownerId: firstOwnerId, at: now });
    const made = { account, passwordHash: profile.passwordHash };
    const outcome = await store.redeem(hashOf(token), made, now);
    if (outcome === 'done') throw done();
    if (outcome === 'unknown') throw unknown();
    this.#options.onSetUp?.();
    return made;
  }
}

/** `ownerId` undefined: its own id. */
export function newAccount(
  profile: { username: string; email: string | undefined },
  as: { role: Account['role']; ownerId?: string; at: Date },
): Account {
  const id = randomUUIDv7();
  return {
    id,
    ownerId: as.ownerId ?? id,
    username: profile.username,
    key: usernameKey(profile.username),
    email: profile.email,
    emailVerifiedAt: undefined,
    role: as.role,
    state: 'active',
    createdAt: as.at,
    lastLoginAt: undefined,
    passwordBreached: false,
    networks: [],
  };
}

function done(): AccountError {
  return new AccountError(
    'setup.done',
    'this hub has an admin already: ask one of them for an invitation',
  );
}

function unknown(): AccountError {
  return new AccountError(
    'setup.token',
    'this setup token is unknown, used or older than a day: take the one in the file "setup-token" in HUB_DATA_DIR, or restart the hub for a new one',
  );
}
