import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { start } from '../../test/support/stores.ts';
import type { Challenge } from '../certificates/challenges/solver.ts';
import { PostgresChallengeStore } from './challenge-store.ts';
import { challenges } from './schema.ts';

const minuteMs = 60_000;
const soon = new Date(start.getTime() + minuteMs);

function challengeOf(token: string, change: Partial<Challenge> = {}): Challenge {
  const keyAuthorization = `${token}.thumbprint`;
  return { kind: 'http-01', name: 'movies.tv.test', token, keyAuthorization, ...change };
}

describe.each(Object.entries(databaseKinds))('challenges on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let store: PostgresChallengeStore;
  let now: Date;

  beforeAll(async () => {
    opened = await openTestDatabase();
    store = new PostgresChallengeStore(opened.database, { now: () => now });
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    now = start;
    await opened.database.queries.delete(challenges);
  });

  test('are found by every process, until they are removed', async () => {
    const http = challengeOf('evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA');
    const alpn = challengeOf('DGyRejmCefe7v4NfDGDKfA', { kind: 'tls-alpn-01' });
    for (const challenge of [http, alpn]) await store.put(challenge, soon);
    const another = await opened.openAnother();
    const anotherStore = new PostgresChallengeStore(another, { now: () => now });
    expect(await anotherStore.listOpen()).toEqual(expect.arrayContaining([http, alpn]));
    expect(await anotherStore.findByName('tls-alpn-01', alpn.name)).toEqual(alpn);
    expect(await anotherStore.findByName('dns-01', alpn.name)).toBeUndefined();
    expect(await anotherStore.listOpen()).toHaveLength(2);
    for (const challenge of [http, alpn, http]) await anotherStore.remove(challenge);
    expect(await store.listOpen()).toEqual([]);
    expect(await store.findByName('tls-alpn-01', alpn.name)).toBeUndefined();
    await another.close();
  });

  test('are put anew without an error, and the newest of a name is answered', async () => {
    const kind = 'tls-alpn-01';
    const [one, two] = [challengeOf('one', { kind }), challengeOf('two', { kind })];
    await store.put(one, soon);
    now = new Date(start.getTime() + 1);
    await store.put(two, soon);
    expect(await store.findByName(kind, one.name)).toEqual(two);
    now = new Date(start.getTime() + 2);
    await store.put(one, soon);
    expect(await store.findByName(kind, one.name)).toEqual(one);
    await store.remove(one);
    expect(await store.findByName(kind, one.name)).toEqual(two);
  });

  test('are over when their time is, and go with the next one that is put', async () => {
    const left = challengeOf('left-by-a-killed-process');
    await store.put(left, soon);
    now = soon;
    expect(await store.listOpen()).toEqual([]);
    now = new Date(soon.getTime() + 1);
    const next = challengeOf('next');
    await store.put(next, new Date(now.getTime() + minuteMs));
    const rows = await opened.database.queries.select().from(challenges);
    expect(rows).toMatchObject([next]);
  });

  test('of a zone stay on record when their time is over, until somebody removes them', async () => {
    const left = challengeOf('left-by-a-killed-process', { kind: 'dns-01' });
    await store.put(left, soon);
    now = new Date(soon.getTime() + 1);
    await store.put(challengeOf('next'), new Date(now.getTime() + minuteMs));
    expect(await store.findByName('dns-01', left.name)).toBeUndefined();
    expect(await store.listByName('dns-01', left.name)).toEqual([left]);
    expect(await store.listByName('dns-01', 'other.tv.test')).toEqual([]);
    await store.remove(left);
    expect(await store.listByName('dns-01', left.name)).toEqual([]);
  });
});
