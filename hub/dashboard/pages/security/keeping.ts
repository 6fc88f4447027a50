// What the page Security knows of an account is named here.

import type { Account } from '../../../accounts/account.ts';
import type { Passkey } from '../../../accounts/factors/passkeys.ts';
import type { TotpState } from '../../../accounts/factors/totp.ts';
import type { TrustedBrowser } from '../../../accounts/factors/trusted-browsers.ts';
import type { SsoLink } from '../../../accounts/sso/link.ts';
import type { OfferedProvider } from '../../services.ts';

export interface Keeping {
  readonly account: Account;
  readonly passkeys: readonly Passkey[];
  readonly totp: TotpState | undefined;
  readonly codesLeft: number;
  readonly browsers: readonly TrustedBrowser[];
  readonly hasPassword: boolean;
  /** HUB_LOCAL_LOGIN: elsewhere a password opens nothing, and none can be set. */
  readonly takesPasswords: boolean;
  readonly links: readonly SsoLink[];
  readonly providers: readonly OfferedProvider[];
  /** Letters can be sent. */
  readonly isMailThere: boolean;
}
