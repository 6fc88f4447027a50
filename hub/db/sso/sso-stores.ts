// A database arrives; the stores of single sign-on leave.

import type { Database } from '../connect.ts';
import { PostgresSsoLinkStore } from './link-store.ts';
import { PostgresProviderStore } from './provider-store.ts';
import { PostgresLocalLoginStore, PostgresSsoTransactionStore } from './sso-transaction-store.ts';

export type SsoStores = ReturnType<typeof ssoStores>;

export function ssoStores(database: Pick<Database, 'queries'>) {
  return {
    providers: new PostgresProviderStore(database),
    links: new PostgresSsoLinkStore(database),
    transactions: new PostgresSsoTransactionStore(database),
    localLogin: new PostgresLocalLoginStore(database),
  };
}
