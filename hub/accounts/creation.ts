// What the host chose for somebody arrives; an account leaves by which nobody has signed in yet.

import type { Audit } from '../audit/audit.ts';
import type { Account, NewAccount, Role } from './account.ts';
import type { Actor } from './caller.ts';
import { noted } from './noted.ts';
import { requireProfile, type NewProfile, type ProfileChecks } from './profile.ts';
import { newAccount, type Setup } from './setup.ts';

export interface CreationStore {
  /** @throws AccountError account.exists */
  insert(made: NewAccount): Promise<void>;
}

interface CreationOptions {
  readonly store: CreationStore;
  readonly setup: Pick<Setup, 'isOpen' | 'create'>;
  readonly checks: ProfileChecks;
  readonly audit: Audit;
  readonly now?: () => Date;
}

export class Creation {
  readonly #options: CreationOptions;

  constructor(options: CreationOptions) {
    this.#options = options;
  }

  /**
   * The first admin becomes the owner of what was there before, as by the setup page.
   * @throws AccountError account.exists | account.username | account.email | account.password-weak | account.password-breached
   */
  async create(wish: NewProfile & { readonly role: Role }, by: Actor): Promise<Account> {
    const { store, setup, checks, audit, now = () => new Date() } = this.#options;
    if (wish.role === 'admin' && (await setup.isOpen())) return setup.create(wish, by);
    const profile = await requireProfile(wish, checks);
    const account = newAccount(profile, { role: wish.role, at: now() });
    await store.insert({ account, passwordHash: profile.passwordHash });
    audit.note({
      ...noted(by),
      event: 'admin.account-created',
      target: account.username,
      reason: account.role,
      result: 'ok',
    });
    return account;
  }
}
