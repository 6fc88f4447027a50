// A database arrives; the stores of who is told of what leave.

import type { Database } from '../connect.ts';
import { PostgresOnceStore, PostgresServerAlertStore } from './alert-store.ts';
import { PostgresNoticeTargetStore } from './notice-target-store.ts';

export type NoticeStores = ReturnType<typeof noticeStores>;

export function noticeStores(database: Pick<Database, 'queries'>) {
  return {
    targets: new PostgresNoticeTargetStore(database),
    alerts: new PostgresServerAlertStore(database),
    once: new PostgresOnceStore(database),
  };
}
