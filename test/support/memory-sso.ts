// Providers, links and what browsers set out for, kept in memory: the stores' promises without a database.

import { AccountError } from '../../hub/accounts/account-error.ts';
import type { Account, NewAccount } from '../../hub/accounts/account.ts';
import type { SsoLink, SsoLinkStore, SsoLogin } from '../../hub/accounts/sso/link.ts';
import type { LocalLoginStore } from '../../hub/accounts/sso/local-login.ts';
import type { Provider, ProviderStore } from '../../hub/accounts/sso/provider.ts';
import type { StoredTransaction, TransactionStore } from '../../hub/accounts/sso/transaction.ts';

export class MemoryProviders implements ProviderStore {
  readonly #providers = new Map<string, Provider>();

  async insert(provider: Provider): Promise<void> {
    const isTaken = [...this.#providers.values()].some(
      ({ id, issuer }) => id === provider.id || issuer === provider.issuer,
    );
    if (isTaken) throw new AccountError('sso.exists', 'taken');
    this.#providers.set(provider.id, provider);
  }

  async list(): Promise<Provider[]> {
    return [...this.#providers.values()];
  }

  async find(id: string): Promise<Provider | undefined> {
    return this.#providers.get(id);
  }

  async replace(provider: Provider): Promise<boolean> {
    if (!this.#providers.has(provider.id)) return false;
    this.#providers.set(provider.id, provider);
    return true;
  }

  async noteAnswer(id: string, answeredAt: Date): Promise<void> {
    const provider = this.#providers.get(id);
    if (provider !== undefined) this.#providers.set(id, { ...provider, answeredAt });
  }

  async remove(id: string): Promise<boolean> {
    return this.#providers.delete(id);
  }
}

export class MemorySsoTransactions implements TransactionStore {
  readonly #transactions = new Map<string, StoredTransaction>();

  async insert(transaction: StoredTransaction): Promise<void> {
    this.#transactions.set(transaction.secretHash.toString('hex'), transaction);
  }

  async take(secretHash: Buffer, stateHash: Buffer, now: Date): Promise<Buffer | undefined> {
    const key = secretHash.toString('hex');
    const found = this.#transactions.get(key);
    if (found === undefined || !found.stateHash.equals(stateHash)) return undefined;
    if (found.expiresAt <= now) return undefined;
    this.#transactions.delete(key);
    return found.sealed;
  }
}

export class MemorySsoLinks implements SsoLinkStore {
  readonly links = new Map<string, SsoLink>();
  readonly logins = new Map<string, SsoLogin>();
  readonly #logoutTokens = new Set<string>();
  readonly #accounts: Map<string, Account>;

  constructor(accounts: Map<string, Account>) {
    this.#accounts = accounts;
  }

  async find(issuer: string, subject: string): Promise<SsoLink | undefined> {
    return [...this.links.values()].find(
      (link) => link.issuer === issuer && link.subject === subject,
    );
  }

  async listOf(accountId: string): Promise<SsoLink[]> {
    return [...this.links.values()].filter((link) => link.accountId === accountId);
  }

  async insert(link: SsoLink, made?: NewAccount): Promise<void> {
    const isTaken = [...this.links.values()].some(
      (other) =>
        (other.issuer === link.issuer && other.subject === link.subject) ||
        (other.accountId === link.accountId && other.providerId === link.providerId),
    );
    if (isTaken) throw new AccountError('sso.conflict', 'taken');
    if (made !== undefined) this.#accounts.set(made.account.id, made.account);
    this.links.set(link.id, link);
  }

  async noteUse(
    id: string,
    { at, name, givenRole }: Parameters<SsoLinkStore['noteUse']>[1],
  ): Promise<void> {
    const link = this.links.get(id);
    if (link !== undefined) this.links.set(id, { ...link, lastUsedAt: at, name, givenRole });
  }

  async remove(id: string, accountId: string): Promise<SsoLink | undefined> {
    const link = this.links.get(id);
    if (link?.accountId !== accountId) return undefined;
    this.links.delete(id);
    return link;
  }

  async removeOf(accountId: string): Promise<number> {
    const links = await this.listOf(accountId);
    for (const { id } of links) this.links.delete(id);
    return links.length;
  }

  async countLinkedAdmins(): Promise<number> {
    const ids = new Set([...this.links.values()].map(({ accountId }) => accountId));
    return [...ids].filter((id) => this.#accounts.get(id)?.role === 'admin').length;
  }

  async insertLogin(login: SsoLogin): Promise<void> {
    this.logins.set(login.loginId, login);
  }

  async findLogin(loginId: string): Promise<SsoLogin | undefined> {
    return this.logins.get(loginId);
  }

  async listLogins(
    issuer: string,
    which: { sid: string } | { subject: string },
  ): Promise<SsoLogin[]> {
    return [...this.logins.values()].filter(
      (login) =>
        login.issuer === issuer &&
        ('sid' in which ? login.sid === which.sid : login.subject === which.subject),
    );
  }

  async useLogoutToken(issuer: string, jti: string): Promise<boolean> {
    const key = `${issuer} ${jti}`;
    if (this.#logoutTokens.has(key)) return false;
    this.#logoutTokens.add(key);
    return true;
  }
}

export class MemoryLocalLogin implements LocalLoginStore {
  #until: Date | undefined;

  async openUntil(): Promise<Date | undefined> {
    return this.#until;
  }

  async open(until: Date): Promise<void> {
    this.#until = until;
  }

  async close(): Promise<void> {
    this.#until = undefined;
  }
}
