// A database arrives; the stores of what is proven by mail leave.

import type { Database } from '../connect.ts';
import { PostgresEmailCodeStore } from './code-store.ts';
import { PostgresEmailLinkStore } from './link-store.ts';
import { PostgresSendStore } from './send-store.ts';

export type EmailStores = ReturnType<typeof emailStores>;

export function emailStores(database: Pick<Database, 'queries'>) {
  return {
    codes: new PostgresEmailCodeStore(database),
    links: new PostgresEmailLinkStore(database),
    sends: new PostgresSendStore(database),
  };
}
