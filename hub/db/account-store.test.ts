import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import type { AuthorityAccount } from '../certificates/life/certificate.ts';
import { PostgresAccountStore } from './account-store.ts';
import { authorityAccounts } from './schema.ts';

const authority = 'https://ca.test/dir';
const url = 'https://ca.test/acct/1';

function newAccount(): AuthorityAccount {
  return { authority, sealedKey: randomBytes(48), url: undefined };
}

describe.each(Object.entries(databaseKinds))('accounts on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let store: PostgresAccountStore;

  beforeAll(async () => {
    opened = await openTestDatabase();
    store = new PostgresAccountStore(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(authorityAccounts);
  });

  test('of which many are made at once are one, whose key everybody goes on with', async () => {
    const made = Array.from({ length: 20 }, newAccount);
    const stored = await Promise.all(made.map((account) => store.insert(account)));
    expect(made).toContainEqual(stored[0]);
    expect(new Set(stored.map(({ sealedKey }) => sealedKey.toString('hex'))).size).toBe(1);
    expect(await store.find(authority)).toEqual(stored[0]);
  });

  test('are kept for each authority, with the URL that it gave', async () => {
    const account = await store.insert(newAccount());
    const other = await store.insert({ ...newAccount(), authority: 'https://other.test/dir' });
    await store.saveUrl(account, url);
    expect(await store.find(authority)).toEqual({ ...account, url });
    expect(await store.find(other.authority)).toEqual(other);
    expect(await store.find('https://nobody.test/dir')).toBeUndefined();
  });

  test('are sealed anew without losing their URL, by one of several processes', async () => {
    const account = await store.insert(newAccount());
    await store.saveUrl(account, url);
    const [first, second] = [randomBytes(48), randomBytes(48)];
    await store.reseal(account, first);
    await store.reseal(account, second);
    expect(await store.find(authority)).toEqual({ ...account, sealedKey: first, url });
  });

  test('that another process has replaced meanwhile are neither named nor removed', async () => {
    const refused = await store.insert(newAccount());
    await store.remove(refused);
    expect(await store.find(authority)).toBeUndefined();
    const next = await store.insert(newAccount());
    await store.saveUrl(refused, url);
    await store.remove(refused);
    expect(await store.find(authority)).toEqual(next);
  });
});
