// The end of a login arrives, from here or from the provider; it ends on the other side as well (row A-06).

import type { Audit } from '../../audit/audit.ts';
import type { KeyRing } from '../../certificates/life/sealing.ts';
import { AccountError } from '../account-error.ts';
import type { Login } from '../login/login.ts';
import type { Logins } from '../login/logins.ts';
import { ssoLoginContext, type SsoLinkStore } from './link.ts';
import type { ProviderStore } from './provider.ts';
import type { RelyingParty } from './relying-party.ts';

export interface SsoLogoutOptions {
  readonly providers: Pick<ProviderStore, 'find'>;
  readonly links: SsoLinkStore;
  readonly relyingParty: Pick<RelyingParty, 'endSessionUrl' | 'verifyLogoutToken'>;
  readonly logins: Pick<Logins, 'end'>;
  readonly sealing: Pick<KeyRing, 'open'>;
  readonly audit: Audit;
  readonly now?: () => Date;
}

/** As long as a logout token is taken for new, and a minute for clocks. */
const replayMs = 6 * 60_000;

export class SsoLogout {
  readonly #options: SsoLogoutOptions;
  readonly #now: () => Date;

  constructor(options: SsoLogoutOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * To be asked before the login ends. Undefined: it did not begin at a provider, or the provider knows no logout, or is not
   * there: the login ends here all the same.
   */
  async endSessionUrl({ id }: Pick<Login, 'id'>): Promise<string | undefined> {
    const { links, providers, relyingParty, sealing } = this.#options;
    const began = await links.findLogin(id);
    const provider = began && (await providers.find(began.providerId));
    if (began === undefined || provider === undefined) return undefined;
    try {
      const idToken = sealing.open(began.sealedIdToken, ssoLoginContext(id));
      return await relyingParty.endSessionUrl(provider, idToken);
    } catch (error) {
      if (error instanceof AccountError) return undefined;
      throw error;
    }
  }

  /**
   * Back-channel logout: the provider's own server says that somebody's login there has ended.
   * @throws AccountError sso.unknown | sso.failed | sso.unavailable
   */
  async endByProvider(providerId: string, token: string): Promise<number> {
    const { providers, links, relyingParty } = this.#options;
    const provider = await providers.find(providerId);
    if (provider?.isEnabled !== true)
      throw new AccountError('sso.unknown', 'there is no such identity provider');
    const claims = await relyingParty.verifyLogoutToken(provider, token);
    const now = this.#now();
    const until = new Date(now.getTime() + replayMs);
    if (!(await links.useLogoutToken(claims.issuer, claims.jti, until, now)))
      throw new AccountError('sso.failed', 'this logout token was used before');
    const { issuer, sid, subject } = claims;
    const which = sid === undefined ? { subject: subject ?? '' } : { sid };
    const began = await links.listLogins(issuer, which);
    const meant = began.filter((login) => subject === undefined || login.subject === subject);
    for (const { loginId: id, accountId } of meant) await this.#end({ id, accountId }, providerId);
    return meant.length;
  }

  async #end(login: Pick<Login, 'id' | 'accountId'>, providerId: string): Promise<void> {
    await this.#options.logins.end(login);
    this.#options.audit.note({
      event: 'login.ended',
      actor: 'system',
      target: login.accountId,
      result: 'ok',
      method: 'sso',
      reason: `back-channel logout by ${providerId}`,
    });
  }
}
