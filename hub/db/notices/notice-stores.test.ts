import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { TestStores } from '../../../test/support/stores.ts';
import type { NoticeTarget } from '../../notices/targets/target.ts';
import { accounts } from '../account-tables.ts';
import { owners } from '../schema.ts';
import { noticeTargets } from '../notice-tables.ts';
import { noticeStores, type NoticeStores } from './notice-stores.ts';

const now = new Date('2026-03-01T12:00:00Z');
const after = (ms: number) => new Date(now.getTime() + ms);

describe.each(Object.entries(databaseKinds))('notices on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: NoticeStores;
  let robin: string;
  let kim: string;
  let movies: string;
  beforeAll(async () => {
    opened = await openTestDatabase();
    stores = noticeStores(opened.database);
    [robin, kim] = [await addPerson(), await addPerson()];
    movies = (await new TestStores(opened.database).enrol({ name: 'movies' })).server.id;
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(noticeTargets);
  });

  async function addPerson(): Promise<string> {
    const id = randomUUIDv7();
    const username = `p${id}`;
    const row = {
      id,
      ownerId: id,
      username,
      key: username,
      role: 'owner',
      state: 'active',
    } as const;
    await opened.database.queries.insert(owners).values({ id });
    await opened.database.queries.insert(accounts).values({ ...row, createdAt: now });
    return id;
  }

  const target = (change: Partial<NoticeTarget> = {}): NoticeTarget => ({
    id: randomUUIDv7(),
    accountId: robin,
    kind: 'webhook',
    label: 'chat.example.org',
    kinds: [],
    allow: ['10.0.0.0/8'],
    isEnabled: true,
    createdAt: now,
    lastSentAt: undefined,
    failure: undefined,
    sealed: Buffer.from('sealed'),
    ...change,
  });

  test('a target comes back as it was written, with what came of the last attempts', async () => {
    const mine = target({ kinds: ['server.offline'] });
    await stores.targets.insert(mine, 10);
    expect(await stores.targets.find(mine.id)).toEqual(mine);
    expect(await stores.targets.find('nonsense')).toBeUndefined();
    await stores.targets.noteAttempt(mine.id, now, 'x'.repeat(1000));
    expect((await stores.targets.find(mine.id))?.failure).toEqual({
      at: now,
      reason: 'x'.repeat(500),
    });
    await stores.targets.noteAttempt(mine.id, now, undefined);
    expect(await stores.targets.find(mine.id)).toEqual({ ...mine, lastSentAt: now });
    expect(await stores.targets.change(mine.id, { isEnabled: false })).toMatchObject({
      isEnabled: false,
    });
    expect(await stores.targets.change(mine.id, { kinds: ['test'] })).toMatchObject({
      kinds: ['test'],
      isEnabled: false,
    });
    expect(await stores.targets.remove(mine.id)).toBe(true);
    expect(await stores.targets.remove(mine.id)).toBe(false);
  });

  test('of twenty at once as many are kept as one may have', async () => {
    const tries = await Promise.all(
      Array.from({ length: 20 }, async () => stores.targets.insert(target(), 3)),
    );
    expect(tries.filter(Boolean)).toHaveLength(3);
    expect(await stores.targets.insert(target({ accountId: kim }), 3)).toBe(true);
    expect(await stores.targets.insert(target({ accountId: undefined }), 3)).toBe(true);
  });

  test('those hear who are meant, enabled, and want to', async () => {
    const all = {
      every: target(),
      some: target({ kinds: ['server.offline', 'test'] }),
      off: target({ isEnabled: false }),
      others: target({ accountId: kim }),
      hub: target({ accountId: undefined }),
    };
    for (const each of Object.values(all)) await stores.targets.insert(each, 10);
    const hearing = async (...asked: Parameters<typeof stores.targets.hearing>) =>
      (await stores.targets.hearing(...asked))
        .map(({ id }) => Object.entries(all).find(([, each]) => each.id === id)?.[0] ?? '')
        .toSorted();
    const [mine, ours] = [[robin], [robin, kim]];
    expect(await hearing('server.offline', { accountIds: mine, hub: false })).toEqual([
      'every',
      'some',
    ]);
    expect(await hearing('ban.added', { accountIds: ours, hub: true })).toEqual([
      'every',
      'hub',
      'others',
    ]);
    expect(await hearing('test', { accountIds: [], hub: false })).toEqual([]);
  });

  test('a silence is told of by one of twenty, and its end too', async () => {
    const { alerts } = stores;
    expect(await alerts.find(movies)).toMatchObject({ offlineMinutes: 10 });
    await alerts.noteOffline(movies, now);
    await alerts.noteOffline(movies, after(1000));
    expect((await alerts.list()).get(movies)).toMatchObject({
      offlineSince: now,
      toldAt: undefined,
    });
    const claims = await Promise.all(
      Array.from({ length: 20 }, async () => alerts.claimTelling(movies, after(1))),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    const ends = await Promise.all(Array.from({ length: 20 }, async () => alerts.clear(movies)));
    expect(ends.filter((end) => end !== undefined)).toEqual([{ offlineSince: now, wasTold: true }]);
    expect(await alerts.claimTelling(movies, now)).toBe(false);
    await alerts.choose(movies, undefined);
    expect(await alerts.find(movies)).toMatchObject({
      offlineMinutes: undefined,
      offlineSince: undefined,
    });
  });

  test('what was told is told again after its time, by one of twenty', async () => {
    const { once } = stores;
    const claim = async (at: Date) => once.claim('certificate x', at, 1000);
    const first = await Promise.all(Array.from({ length: 20 }, async () => claim(now)));
    expect(first.filter(Boolean)).toHaveLength(1);
    expect([await claim(after(999)), await claim(after(1000)), await claim(after(1001))]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
