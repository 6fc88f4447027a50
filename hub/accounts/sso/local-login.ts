// HUB_LOCAL_LOGIN and what was opened on the host arrive; whether a password may be tried at all leaves (row A-07).

import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import { AccountError } from '../account-error.ts';
import type { LocalLogin } from './identity.ts';
import type { SsoLinkStore } from './link.ts';
import type { ProviderStore } from './provider.ts';

/** The store in hub/db/sso implements it. */
export interface LocalLoginStore {
  openUntil(): Promise<Date | undefined>;
  open(until: Date): Promise<void>;
  close(): Promise<void>;
}

/** Longer is no emergency any more: set HUB_LOCAL_LOGIN=on. */
const maxOpenMs = 24 * 3_600_000;

export interface LocalLoginOptions {
  /** HUB_LOCAL_LOGIN=on */
  readonly isOn: boolean;
  readonly store: LocalLoginStore;
  readonly now?: () => Date;
}

export class LocalLoginSwitch implements LocalLogin {
  readonly #options: LocalLoginOptions;
  readonly #now: () => Date;

  constructor(options: LocalLoginOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  async isOpen(): Promise<boolean> {
    if (this.#options.isOn) return true;
    const until = await this.#options.store.openUntil();
    return until !== undefined && until > this.#now();
  }

  async requireOpen(): Promise<void> {
    if (await this.isOpen()) return;
    throw new AccountError(
      'login.disabled',
      'this hub takes no passwords of its own: sign in with your identity provider. Whoever runs the hub can open it on its machine: phlix-hub auth local-login --for 30m',
    );
  }
}

/** `phlix-hub auth local-login --for 30m`. @throws AccountError sso.settings */
export async function openLocalLogin(
  forMs: number,
  parts: { store: LocalLoginStore; audit: Audit; notices: Notices; now: Date },
): Promise<Date> {
  if (forMs < 60_000 || forMs > maxOpenMs)
    throw new AccountError(
      'sso.settings',
      'local sign-in can be opened for 1m to 24h; for longer set HUB_LOCAL_LOGIN=on',
    );
  const until = new Date(parts.now.getTime() + forMs);
  await parts.store.open(until);
  parts.audit.note({
    event: 'admin.local-login-opened',
    actor: 'host',
    result: 'ok',
    method: 'cli',
    reason: `open until ${until.toISOString()}`,
  });
  const facts = { until };
  parts.notices.tell({ kind: 'login.local-open', to: { kind: 'admins' }, facts });
  return until;
}

/** Before HUB_LOCAL_LOGIN=off takes effect. @throws AccountError sso.lockout: nobody could come in */
export async function requireWayIn(parts: {
  providers: Pick<ProviderStore, 'list'>;
  links: Pick<SsoLinkStore, 'countLinkedAdmins'>;
}): Promise<void> {
  const providers = await parts.providers.list();
  if (!providers.some(({ isEnabled, answeredAt }) => isEnabled && answeredAt !== undefined))
    throw new AccountError(
      'sso.lockout',
      'HUB_LOCAL_LOGIN=off, but no enabled identity provider has ever answered, so nobody could sign in: start with HUB_LOCAL_LOGIN=on, add one with "phlix-hub sso add" and try it with "phlix-hub sso test"',
    );
  if ((await parts.links.countLinkedAdmins()) === 0)
    throw new AccountError(
      'sso.lockout',
      'HUB_LOCAL_LOGIN=off, but no admin can sign in with an identity provider: start with HUB_LOCAL_LOGIN=on, sign in as an admin and link the account under Security',
    );
}
