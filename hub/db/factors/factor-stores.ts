// A database arrives; the stores of everything that proves who somebody is leave.

import type { Database } from '../connect.ts';
import { PostgresPasskeyStore } from './passkey-store.ts';
import { PostgresRecoveryStore } from './recovery-store.ts';
import { PostgresSealedSecretStore } from './sealed-secret-store.ts';
import { PostgresStandingStore } from './standing-store.ts';
import { PostgresTotpStore } from './totp-store.ts';
import { PostgresTrustedBrowserStore } from './trusted-browser-store.ts';

export type FactorStores = ReturnType<typeof factorStores>;

export function factorStores(database: Pick<Database, 'queries'>) {
  return {
    totp: new PostgresTotpStore(database),
    passkeys: new PostgresPasskeyStore(database),
    recovery: new PostgresRecoveryStore(database),
    trustedBrowsers: new PostgresTrustedBrowserStore(database),
    standings: new PostgresStandingStore(database),
    secrets: new PostgresSealedSecretStore(database),
  };
}
