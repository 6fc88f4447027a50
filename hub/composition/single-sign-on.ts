// Settings and stores arrive; single sign-on of a running hub leaves: the providers, who is linked, and the way there and back.

import type { Account, Role } from '../accounts/account.ts';
import { LocalLoginSwitch, requireWayIn } from '../accounts/sso/local-login.ts';
import { SsoLinks } from '../accounts/sso/links.ts';
import { sealingContext } from '../accounts/sso/provider.ts';
import { ProviderLogins } from '../accounts/sso/provider-logins.ts';
import { Providers } from '../accounts/sso/providers.ts';
import { RelyingParty } from '../accounts/sso/relying-party.ts';
import { SsoLogout } from '../accounts/sso/sso-logout.ts';
import { Sso } from '../accounts/sso/sso.ts';
import { SsoTransactions } from '../accounts/sso/transaction.ts';
import type { Audit } from '../audit/audit.ts';
import type { KeyRing } from '../certificates/life/sealing.ts';
import type { HubConfig } from '../config.ts';
import type { Notices } from '../notices/notice.ts';
import type { SafeFetch } from '../notices/safe-fetch.ts';
import type { People } from './people.ts';
import type { Stores } from './stores.ts';

export interface SingleSignOnParts {
  readonly stores: Stores;
  readonly keyRing: KeyRing;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly fetch: SafeFetch;
  /** `https://hub.example.org`; of a trial hub known only when it listens. */
  readonly origin: () => string;
}

/** What the rooms of people need of it before they are there themselves. */
export type Providing = ReturnType<typeof openProviders>;

export function openProviders(config: HubConfig, parts: SingleSignOnParts) {
  const { allowsLocalLogin, people: settings } = config;
  const { stores, keyRing: sealing, audit, notices, fetch, origin } = parts;
  const { sso, people, factors } = stores;
  const relyingParty = new RelyingParty({
    fetch,
    hub: origin,
    secretOf: ({ id, sealedSecret }) =>
      sealedSecret && sealing.open(sealedSecret, sealingContext(id)),
    onAnswer: async ({ id }) => sso.providers.noteAnswer(id, new Date()),
  });
  return {
    relyingParty,
    providerLogins: new ProviderLogins({
      links: sso.links,
      waiting: sso.transactions,
      sealing,
      waitMs: settings.limits.signInMs,
    }),
    providers: new Providers({ store: sso.providers, sealing, relyingParty, audit }),
    localLogin: new LocalLoginSwitch({ isOn: allowsLocalLogin, store: sso.localLogin }),
    ssoLinks: new SsoLinks({
      store: sso.links,
      providers: sso.providers,
      hasOtherWay: async (accountId) =>
        (await people.accounts.passwordOf(accountId)) !== undefined ||
        (await factors.passkeys.list(accountId)).length > 0,
      audit,
      notices,
    }),
  };
}

/** Row A-07. @throws AccountError sso.lockout: HUB_LOCAL_LOGIN=off, and nobody could come in */
export async function requireOpenDoor(
  { allowsLocalLogin }: HubConfig,
  { sso: { providers, links, localLogin } }: Stores,
): Promise<void> {
  if (allowsLocalLogin) return;
  const until = await localLogin.openUntil();
  if (until !== undefined && until > new Date()) return;
  await requireWayIn({ providers, links });
}

/** What the API and the pages are given of it. */
export type SignOn = ReturnType<typeof openSingleSignOn>;

export function openSingleSignOn(parts: SingleSignOnParts, providing: Providing, rooms: People) {
  const { stores, keyRing: sealing, audit, notices } = parts;
  const { relyingParty, providerLogins } = providing;
  const { providers, links, transactions: store } = stores.sso;
  const { accounts: accountStore } = stores.people;
  const sso = new Sso({
    providers,
    links,
    transactions: new SsoTransactions({ store, sealing, now: () => new Date() }),
    relyingParty,
    accounts: {
      find: async (id) => accountStore.find(id),
      findByEmail: async (key) => accountStore.findByEmail(key),
      hasFactor: async (id) => (await rooms.factors.methodsOf(id)).length > 0,
      giveRole: async (account, role) => giveRole(account, role, parts, rooms),
    },
    signIn: rooms.signIn,
    stepUp: rooms.stepUp,
    providerLogins,
    audit,
    notices,
  });
  const { logins } = rooms;
  const ssoLogout = new SsoLogout({
    providers,
    links,
    relyingParty,
    logins,
    sealing,
    audit,
  });
  const { providers: known, ssoLinks, localLogin } = providing;
  return { sso, ssoLogout, providers: known, ssoLinks, localLogin };
}

/** By the provider's groups. Like every change of a role it ends the account's logins, and trust in its browsers. */
async function giveRole(
  account: Account,
  role: Role,
  { stores, audit }: SingleSignOnParts,
  { logins, trustedBrowsers }: People,
): Promise<void> {
  await stores.people.accounts.changeStanding(account.id, { role });
  await logins.endAll(account.id);
  await trustedBrowsers.revokeAll(account.id, { actor: 'system' });
  audit.note({
    event: 'admin.role-changed',
    actor: 'system',
    target: account.id,
    result: 'ok',
    method: 'sso',
    reason: `${account.role} to ${role}`,
  });
}
