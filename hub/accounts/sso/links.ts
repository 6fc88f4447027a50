// Somebody who looks at the ways into his account arrives; the providers among them leave, and one that he does not want any more is gone (row A-06).

import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { LoginCaller } from '../caller.ts';
import type { SsoLink, SsoLinkStore } from './link.ts';
import type { ProviderStore } from './provider.ts';

export interface SsoLinksOptions {
  readonly store: SsoLinkStore;
  readonly providers: Pick<ProviderStore, 'find'>;
  /** Whether it has a password or a passkey. */
  readonly hasOtherWay: (accountId: string) => Promise<boolean>;
  readonly audit: Audit;
  readonly notices: Notices;
}

export class SsoLinks {
  readonly #options: SsoLinksOptions;

  constructor(options: SsoLinksOptions) {
    this.#options = options;
  }

  async listOf(accountId: string): Promise<SsoLink[]> {
    return this.#options.store.listOf(accountId);
  }

  /** For step-up: whether a provider can be asked. */
  async isLinked(accountId: string): Promise<boolean> {
    const links = await this.#options.store.listOf(accountId);
    const providers = await Promise.all(
      links.map(async ({ providerId }) => this.#options.providers.find(providerId)),
    );
    return providers.some((provider) => provider?.isEnabled === true);
  }

  /** @throws AccountError sso.unknown | sso.last-way */
  async remove({ account, address, requestId }: LoginCaller, linkId: string): Promise<void> {
    const { store, providers, hasOtherWay, audit, notices } = this.#options;
    const links = await store.listOf(account.id);
    const link = links.find(({ id }) => id === linkId);
    if (link === undefined)
      throw new AccountError('sso.unknown', 'this account has no such link any more');
    if (links.length === 1 && !(await hasOtherWay(account.id)))
      throw new AccountError(
        'sso.last-way',
        'this is the only way into your account: set a password or add a passkey first',
      );
    await store.remove(linkId, account.id);
    const provider = await providers.find(link.providerId);
    audit.note({
      event: 'account.sso-unlinked',
      actor: { id: account.id, name: account.username },
      address,
      target: link.providerId,
      result: 'ok',
      requestId,
    });
    notices.tell({
      kind: 'sso.unlinked',
      to: { kind: 'account', accountId: account.id },
      facts: { provider: provider?.name ?? link.providerId, address },
    });
  }

  /** At a reset of the account (row A-17). */
  async removeAll(accountId: string): Promise<void> {
    await this.#options.store.removeOf(accountId);
  }
}
