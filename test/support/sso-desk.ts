// A hub's single sign-on leaves, with accounts, links and a sealing in memory, and a browser that goes where it is sent.

import { randomUUIDv7 } from 'node:crypto';

import { AccountError } from '../../hub/accounts/account-error.ts';
import { emailKey, usernameKey, type Account, type Role } from '../../hub/accounts/account.ts';
import type { Caller, LoginCaller } from '../../hub/accounts/caller.ts';
import type { SignInOutcome } from '../../hub/accounts/login/sign-in.ts';
import type { Login } from '../../hub/accounts/login/login.ts';
import { ProviderLogins } from '../../hub/accounts/sso/provider-logins.ts';
import { Providers, type NewProvider } from '../../hub/accounts/sso/providers.ts';
import { sealingContext } from '../../hub/accounts/sso/provider.ts';
import { RelyingParty } from '../../hub/accounts/sso/relying-party.ts';
import { Sso, type Arrival } from '../../hub/accounts/sso/sso.ts';
import { SsoLogout } from '../../hub/accounts/sso/sso-logout.ts';
import { SsoTransactions, type Errand } from '../../hub/accounts/sso/transaction.ts';
import type { AuditEntry } from '../../hub/audit/audit.ts';
import type { Notice } from '../../hub/notices/notice.ts';
import { createSafeFetch, type SafeFetchOptions } from '../../hub/outbound/safe-fetch.ts';
import { MemoryProviders, MemorySsoLinks, MemorySsoTransactions } from './memory-sso.ts';

export const hubUrl = 'https://hub.example.org';
export const visit = { address: '192.0.2.7', userAgent: undefined, requestId: 'r1' };
export const nobody: Caller = { kind: 'nobody', address: '192.0.2.7', requestId: 'r1' };

/** What is sealed for one context opens for no other. */
const sealing = {
  seal: (text: string, context: string) => Buffer.from(`${context}|${text}`),
  open: (sealed: Buffer, context: string) => {
    const text = sealed.toString();
    if (!text.startsWith(`${context}|`)) throw new Error('sealed for another');
    return text.slice(context.length + 1);
  },
};

export class SsoDesk {
  readonly accounts = new Map<string, Account>();
  readonly factors = new Set<string>();
  readonly logins = new Map<string, Login>();
  readonly links = new MemorySsoLinks(this.accounts);
  readonly providerStore = new MemoryProviders();
  readonly notices: Notice[] = [];
  readonly entries: AuditEntry[] = [];
  /** Where SignIn asks for a second factor of the hub's own. */
  asksFactor = false;
  now = () => new Date();
  nowMs = () => performance.now();
  readonly relyingParty: RelyingParty;
  readonly providers: Providers;
  readonly providerLogins: ProviderLogins;
  readonly sso: Sso;
  readonly logout: SsoLogout;

  constructor(fetchOptions: SafeFetchOptions = {}) {
    const now = () => this.now();
    const audit = { note: (entry: AuditEntry) => void this.entries.push(entry) };
    const notices = { tell: (notice: Notice) => void this.notices.push(notice) };
    this.relyingParty = new RelyingParty({
      fetch: createSafeFetch(fetchOptions),
      hub: () => hubUrl,
      secretOf: ({ id, sealedSecret }) =>
        sealedSecret && sealing.open(sealedSecret, sealingContext(id)),
      onAnswer: async ({ id }) => this.providerStore.noteAnswer(id, now()),
      nowMs: () => this.nowMs(),
    });
    const { relyingParty, links } = this;
    this.providers = new Providers({
      store: this.providerStore,
      sealing,
      relyingParty,
      audit,
      now,
    });
    const find = async (id: string) => this.accounts.get(id);
    const waiting = new MemorySsoTransactions();
    this.providerLogins = new ProviderLogins({
      links,
      waiting,
      sealing,
      waitMs: 600_000,
      now,
    });
    this.sso = new Sso({
      providers: this.providerStore,
      links,
      transactions: new SsoTransactions({ store: waiting, sealing, now }),
      relyingParty,
      accounts: {
        find,
        findByEmail: async (key) =>
          [...this.accounts.values()].find(
            ({ email, emailVerifiedAt }) => emailVerifiedAt && emailKey(email ?? '') === key,
          ),
        hasFactor: async (id) => this.factors.has(id),
        giveRole: async (account, role) => this.#giveRole(account, role),
      },
      signIn: { withSso: async (proven) => this.#signIn(proven) },
      stepUp: {
        proveBySso: async (_who, challengeId, { authenticatedAt }) => {
          if (authenticatedAt === undefined) throw new AccountError('login.failed', 'not anew');
          return { kind: 'proven', proof: challengeId };
        },
      },
      providerLogins: this.providerLogins,
      audit,
      notices,
      now,
    });
    this.logout = new SsoLogout({
      providers: this.providerStore,
      links,
      relyingParty,
      logins: {
        end: async ({ id }) => this.logins.delete(id),
      },
      sealing,
      audit,
      now,
    });
  }

  async addProvider(wish: Partial<NewProvider> & { issuer: string }) {
    const usual = { id: 'home', preset: 'other', clientId: 'phlix', allow: ['127.0.0.1'] } as const;
    return this.providers.add({ ...usual, ...wish }, 'host');
  }

  addAccount(change: Partial<Account> = {}): Account {
    const id = randomUUIDv7();
    const username = change.username ?? 'robin';
    const account: Account = {
      id,
      ownerId: id,
      username,
      key: usernameKey(username),
      email: undefined,
      emailVerifiedAt: undefined,
      role: 'owner',
      state: 'active',
      createdAt: new Date(),
      lastLoginAt: undefined,
      passwordBreached: false,
      networks: [],
      ...change,
    };
    this.accounts.set(account.id, account);
    return account;
  }

  link(account: Account, issuer: string, subject = 'robin-there', givenRole?: Role): void {
    const id = randomUUIDv7();
    this.links.links.set(id, {
      id,
      accountId: account.id,
      providerId: 'home',
      issuer,
      subject,
      name: undefined,
      givenRole,
      linkedAt: new Date(),
      lastUsedAt: undefined,
    });
  }

  /** Somebody who is signed in already. */
  callerOf(account: Account): LoginCaller {
    const { address, requestId } = visit;
    return {
      kind: 'login',
      account,
      login: this.#begin(account, ['password']),
      address,
      requestId,
    };
  }

  /** Goes there and comes back, with what the provider is wont to add. */
  async travel(
    issuer: string,
    options: {
      errand?: Errand;
      caller?: Caller;
      returnTo?: string;
      onNonce?: (nonce: string) => void;
      change?: (query: URLSearchParams) => void;
    } = {},
  ): Promise<Arrival> {
    const { errand = { kind: 'sign-in' }, caller = nobody } = options;
    const { url, secret } = await this.sso.begin('home', errand, options.returnTo);
    const asked = new URL(url).searchParams;
    options.onNonce?.(asked.get('nonce') ?? '');
    const query = new URLSearchParams({ code: 'c', state: asked.get('state') ?? '', iss: issuer });
    options.change?.(query);
    return this.sso.finish({
      providerId: 'home',
      query: `?${query.toString()}`,
      secret,
      caller,
      visit,
    });
  }

  #giveRole(account: Account, role: Role): void {
    const admins = [...this.accounts.values()].filter((one) => one.role === 'admin');
    if (account.role === 'admin' && admins.length === 1)
      throw new AccountError('account.last-admin', 'the last one');
    this.accounts.set(account.id, { ...account, role });
  }

  #signIn({ accountId }: { accountId: string }): SignInOutcome {
    if (this.asksFactor) return { kind: 'factor', transaction: 't', methods: ['totp'] };
    const account = this.accounts.get(accountId);
    if (account === undefined) throw new AccountError('login.failed', 'unknown');
    const login = this.#begin(account, ['sso']);
    return { kind: 'done', account, login, secret: 's', browser: 'b' };
  }

  #begin({ id: accountId }: Account, methods: Login['methods']): Login {
    const login: Login = {
      id: randomUUIDv7(),
      accountId,
      secretHash: Buffer.alloc(32),
      methods,
      restriction: undefined,
      createdAt: new Date(),
      seenAt: new Date(),
      endsAt: new Date(Date.now() + 1e9),
      address: undefined,
      software: 'Firefox on Linux',
      liftedUntil: undefined,
    };
    this.logins.set(login.id, login);
    return login;
  }
}
