// What a provider said when somebody signed in there arrives; it is kept with the login that comes of it here, be that at once or after a second factor (row A-06).

import type { Buffer } from 'node:buffer';

import type { KeyRing } from '../../certificates/life/sealing.ts';
import type { Login } from '../login/login.ts';
import { hashOf } from '../secret.ts';
import { ssoLoginContext, type SsoLinkStore, type SsoLogin } from './link.ts';
import { transactionContext, type TransactionStore } from './transaction.ts';

/** A login at the provider. */
export interface ThereLogin extends Pick<
  SsoLogin,
  'accountId' | 'providerId' | 'issuer' | 'subject' | 'sid'
> {
  /** The provider wants to see it again at logout. */
  readonly idToken: string;
}

export class ProviderLogins {
  readonly #links: Pick<SsoLinkStore, 'insertLogin'>;
  readonly #waiting: TransactionStore;
  readonly #sealing: Pick<KeyRing, 'seal' | 'open'>;
  readonly #waitMs: number;
  readonly #now: () => Date;

  constructor(options: {
    links: Pick<SsoLinkStore, 'insertLogin'>;
    waiting: TransactionStore;
    sealing: Pick<KeyRing, 'seal' | 'open'>;
    /** How long the rest may take (HUB_LIMIT_LOGIN_TIME). */
    waitMs: number;
    now?: () => Date;
  }) {
    this.#links = options.links;
    this.#waiting = options.waiting;
    this.#sealing = options.sealing;
    this.#waitMs = options.waitMs;
    this.#now = options.now ?? (() => new Date());
  }

  async keep({ id }: Pick<Login, 'id'>, { idToken, ...there }: ThereLogin): Promise<void> {
    const sealedIdToken = this.#sealing.seal(idToken, ssoLoginContext(id));
    await this.#links.insertLogin({ ...there, loginId: id, sealedIdToken, createdAt: this.#now() });
  }

  /** Until whoever holds this secret of `__Host-phlix_login` has proven the rest. */
  async hold(secret: string, there: ThereLogin): Promise<void> {
    const now = this.#now();
    const key = keyOf(secret);
    const sealed = this.#sealing.seal(JSON.stringify(there), transactionContext(key));
    const expiresAt = new Date(now.getTime() + this.#waitMs);
    await this.#waiting.insert({ secretHash: key, stateHash: key, sealed, expiresAt }, now);
  }

  /** The rest is proven. */
  async claim(secret: string, login: Pick<Login, 'id' | 'accountId'>): Promise<void> {
    const key = keyOf(secret);
    const sealed = await this.#waiting.take(key, key, this.#now());
    if (sealed === undefined) return;
    const there = JSON.parse(this.#sealing.open(sealed, transactionContext(key))) as ThereLogin;
    if (there.accountId === login.accountId) await this.keep(login, there);
  }
}

/** It stands among what browsers set out for, and is none of that. */
function keyOf(secret: string): Buffer {
  return hashOf(`provider-login:${secret}`);
}
