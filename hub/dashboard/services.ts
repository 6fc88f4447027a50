// What pages read of the hub is declared here, as ports: they change nothing, which is the API's part.

import type { Account } from '../accounts/account.ts';
import type { Passkeys } from '../accounts/factors/passkeys.ts';
import type { RecoveryCodes } from '../accounts/factors/recovery.ts';
import type { Totp } from '../accounts/factors/totp.ts';
import type { TrustedBrowsers } from '../accounts/factors/trusted-browsers.ts';
import type { Login } from '../accounts/login/login.ts';
import type { Travel } from '../accounts/login/travel.ts';
import type { LocalLogin } from '../accounts/sso/identity.ts';
import type { SsoLink } from '../accounts/sso/link.ts';
import type { Provider } from '../accounts/sso/provider.ts';
import type { Token } from '../accounts/tokens/token.ts';

/** An identity provider, as the sign-in page offers it. */
export type OfferedProvider = Pick<Provider, 'id' | 'name'>;

export interface PeopleServices {
  /** No account exists yet: the setup token opens the first. */
  readonly setup: { isOpen(): Promise<boolean> };
  readonly localLogin: Pick<LocalLogin, 'isOpen'>;
  /** Those that are enabled. */
  readonly providers: { offered(): Promise<readonly OfferedProvider[]> };
  readonly ssoLinks: { listOf(accountId: string): Promise<readonly SsoLink[]> };
  readonly accounts: { hasPassword(accountId: string): Promise<boolean> };
  readonly logins: { list(account: Account): Promise<readonly Login[]> };
  /** Where addresses are, if the operator has a map of them. */
  readonly travel: Pick<Travel, 'knowsPlaces' | 'placeOf'>;
  readonly passkeys: Pick<Passkeys, 'list'>;
  readonly totp: Pick<Totp, 'find'>;
  readonly recovery: Pick<RecoveryCodes, 'left'>;
  readonly trustedBrowsers: Pick<TrustedBrowsers, 'list'>;
  readonly tokens: { list(accountId: string): Promise<readonly Token[]> };
  /** Letters can be sent: e-mail codes and links work. */
  readonly mail: { readonly isThere: boolean };
  /** The OpenAPI document of /api/v1. */
  readonly api: { document(): object };
}
