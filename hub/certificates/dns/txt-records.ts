// TXT records of the built-in responder arrive; every process of the hub has them, or has them no more.

import type { TxtRecord } from './provider.ts';

/** Shared by all processes of a hub, because any of them may be asked. */
export interface TxtRecordStore {
  /** Putting what is there moves its end to `expiresAt`. */
  put(record: TxtRecord, expiresAt: Date): Promise<void>;
  /** Removing what is not there is a success. */
  remove(record: TxtRecord): Promise<void>;
  /** All that have not expired, in any order. */
  list(): Promise<TxtRecord[]>;
  /** Calls back whenever any process changed them, or may have. Returns the stop function. */
  watch(onChange: () => void): Promise<() => Promise<void>>;
}
