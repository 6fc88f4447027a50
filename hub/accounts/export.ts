// An account arrives; everything that the hub holds about its person leaves, without what opens anything (GDPR, articles 15 and 20).

import type { Account } from './account.ts';

/** Where rows about a person are found. The store in hub/db implements it, for the tables of every room. */
export interface PersonalRecords {
  /** By table; no hash, no sealed secret and no key is among the columns. Sorted, JSON values only. */
  of(person: Pick<Account, 'id' | 'ownerId'>): Promise<Readonly<Record<string, readonly object[]>>>;
}

export interface PersonalExport {
  readonly exported_at: string;
  readonly about: string;
  readonly account: { readonly id: string; readonly username: string };
  readonly records: Readonly<Record<string, readonly object[]>>;
}

export async function exportOf(
  { id, ownerId, username }: Account,
  records: PersonalRecords,
  now: Date,
): Promise<PersonalExport> {
  return {
    exported_at: now.toISOString(),
    about:
      'What this hub holds about you, by table. Left out is what opens something: hashes of passwords, tokens and codes, and secrets that are sealed.',
    account: { id, username },
    records: await records.of({ id, ownerId }),
  };
}
