// Somebody of a provider whom no account knows arrives; a link leaves, where an admin allowed one to be made, or a refusal that says how to get one (row A-06).

import { randomBytes } from 'node:crypto';

import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import { emailKey, requireEmail, requireUsername, type Account } from '../account.ts';
import type { SignInVisit } from '../login/entry.ts';
import { softwareOf } from '../login/software.ts';
import { newAccount } from '../setup.ts';
import type { SsoIdentity } from './identity.ts';
import type { SsoLink, SsoLinkStore } from './link.ts';
import type { Provider } from './provider.ts';
import { roleFor } from './role-map.ts';
import { linkOf } from './sso-link.ts';

export interface NewcomerAccounts {
  /** Of addresses that were proven here. */
  findByEmail(emailKey: string): Promise<Account | undefined>;
  hasFactor(accountId: string): Promise<boolean>;
}

export interface NewcomersOptions {
  readonly links: SsoLinkStore;
  readonly accounts: NewcomerAccounts;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: () => Date;
}

export class Newcomers {
  readonly #options: NewcomersOptions;

  constructor(options: NewcomersOptions) {
    this.#options = options;
  }

  /** @throws AccountError sso.unlinked | sso.conflict | account.exists */
  async admit(provider: Provider, identity: SsoIdentity, visit: SignInVisit): Promise<SsoLink> {
    const known = await this.#byEmail(provider, identity);
    if (known !== undefined) return this.#link(provider, identity, { account: known, visit });
    if (provider.createsAccounts) return this.#create(provider, identity, visit);
    throw new AccountError(
      'sso.unlinked',
      `no account of this hub is linked to you at ${provider.name}: sign in with your password or passkey and link it under Security, or ask an admin for an invitation`,
    );
  }

  /**
   * Only where an admin wants it, only for an address that both sides have proven, and never past a second factor: whoever may
   * name addresses at the provider would otherwise open every account here.
   */
  async #byEmail(
    { linksByEmail }: Provider,
    { email, isEmailVerified }: SsoIdentity,
  ): Promise<Account | undefined> {
    if (!linksByEmail || !isEmailVerified || email === undefined) return undefined;
    const account = await this.#options.accounts.findByEmail(emailKey(email));
    const isProven = account?.emailVerifiedAt !== undefined && account.email !== undefined;
    if (!isProven || emailKey(account.email ?? '') !== emailKey(email)) return undefined;
    if (account.state !== 'active' || account.role === 'admin') return undefined;
    return (await this.#options.accounts.hasFactor(account.id)) ? undefined : account;
  }

  async #create(provider: Provider, identity: SsoIdentity, visit: SignInVisit): Promise<SsoLink> {
    const at = this.#options.now();
    const role = roleFor(provider, identity) ?? 'member';
    const email = identity.isEmailVerified ? usableEmail(identity.email) : undefined;
    const username = usernameFrom(identity);
    const account: Account = {
      ...newAccount({ username, email }, { role, at }),
      emailVerifiedAt: email === undefined ? undefined : at,
    };
    return this.#link(provider, identity, { account, visit, isNew: true });
  }

  async #link(
    provider: Provider,
    identity: SsoIdentity,
    { account, visit, isNew = false }: { account: Account; visit: SignInVisit; isNew?: boolean },
  ): Promise<SsoLink> {
    const { links, audit, notices, now } = this.#options;
    const link = {
      ...linkOf(provider, identity, account.id, now()),
      givenRole: isNew ? account.role : undefined,
    };
    await links.insert(link, isNew ? { account, passwordHash: undefined } : undefined);
    const { address, requestId } = visit;
    audit.note({
      event: isNew ? 'admin.account-created' : 'account.sso-linked',
      actor: { id: account.id, name: account.username },
      address,
      target: isNew ? account.id : provider.id,
      result: 'ok',
      method: 'sso',
      reason: isNew ? provider.id : 'e-mail address',
      requestId,
    });
    const software = softwareOf(visit.userAgent);
    notices.tell({
      kind: 'sso.linked',
      to: { kind: 'account', accountId: account.id },
      facts: { provider: provider.name, address, software },
    });
    return link;
  }
}

function usableEmail(email: string | undefined): string | undefined {
  try {
    return email === undefined ? undefined : requireEmail(email);
  } catch (error) {
    if (error instanceof AccountError) return undefined;
    throw error;
  }
}

/** What the provider calls the person, as far as it can be a name here; else one of the hub's own, which its owner may change. */
function usernameFrom({ name, email }: SsoIdentity): string {
  for (const wished of [name, email]) {
    const username = usableUsername(wished?.split('@')[0] ?? '');
    if (username !== undefined) return username;
  }
  return `guest-${randomBytes(4).toString('hex')}`;
}

function usableUsername(text: string): string | undefined {
  try {
    return requireUsername(text.replaceAll(/[^\p{L}\p{N}\p{M}._-]+/gu, '-').replace(/^[._-]+/, ''));
  } catch (error) {
    if (error instanceof AccountError) return undefined;
    throw error;
  }
}
