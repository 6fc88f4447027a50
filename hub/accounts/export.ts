// An account arrives; everything that the hub holds about its person leaves, without what opens anything (GDPR, articles 15 and 20).

import type { Account } from './account.ts';
import { placeName } from './login/place-name.ts';
import type { Travel } from './login/travel.ts';

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

type Places = Pick<Travel, 'placeOf'>;

export async function exportOf(
  { id, ownerId, username }: Account,
  { records, travel, now }: { records: PersonalRecords; travel: Places; now: Date },
): Promise<PersonalExport> {
  const held = await records.of({ id, ownerId });
  const logins =
    held['logins'] &&
    (await Promise.all(held['logins'].map(async (row) => withPlace(row, travel))));
  return {
    exported_at: now.toISOString(),
    about:
      'What this hub holds about you, by table. Left out is what opens something: hashes of passwords, tokens and codes, and secrets that are sealed.',
    account: { id, username },
    records: logins === undefined ? held : { ...held, logins },
  };
}

/** What the list of logins shows, the file has as well; the hub keeps the address and looks the place up. */
async function withPlace(row: object, travel: Places): Promise<object> {
  const address = 'address' in row && typeof row.address === 'string' ? row.address : undefined;
  const place = await travel.placeOf(address);
  const name = place && placeName(place);
  return name === undefined ? row : { ...row, place: name };
}
