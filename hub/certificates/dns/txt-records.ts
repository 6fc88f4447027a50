// TXT records arrive from whichever process proves a name; every process's responder answers with them, until they are removed or end.

import type { TxtRecord } from './provider.ts';

/** The records of the zone that the built-in responder answers for, shared by all processes of a hub. */
export interface TxtRecordStore {
  /** Adding what is there makes it last until the later of both ends. */
  add(record: TxtRecord, expiresAt: Date): Promise<void>;
  /** Removing what is not there is a success. */
  remove(record: TxtRecord): Promise<void>;
  /** Those that have not ended. */
  list(): Promise<TxtRecord[]>;
  /** Calls back whenever any process added or removed one, or may have. Returns the stop function. */
  watch(onChange: () => void): Promise<() => Promise<void>>;
}
