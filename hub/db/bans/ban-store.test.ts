import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import type { Ban } from '../../access/bans/ban.ts';
import { bans } from '../audit-tables.ts';
import { PostgresBanStore } from './ban-store.ts';

const start = new Date('2026-11-22T10:00:00Z');
const later = (ms: number): Date => new Date(start.getTime() + ms);

describe.each(Object.entries(databaseKinds))('bans on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let store: PostgresBanStore;

  beforeAll(async () => {
    opened = await openTestDatabase();
    store = new PostgresBanStore(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(bans);
  });

  test('there is one for a network, the last one said', async () => {
    const [first, second] = [banOf('1.2.3.4/32'), banOf('1.2.3.4/32', { until: later(1000) })];
    await store.put(first);
    await store.put(second);
    expect(await store.list()).toEqual([second]);
    expect(await store.remove({ id: first.id })).toBeUndefined();
    expect(await store.remove({ network: '1.2.3.4/32' })).toEqual(second);
    expect(await store.list()).toEqual([]);
  });

  test('an operator’s is not the guard’s to change until it is over', async () => {
    const operators = banOf('1.2.3.4/32', { until: later(1000) });
    const guards = banOf('1.2.3.4/32', { origin: 'guard', by: 'system', until: later(60_000) });
    await store.put(operators);
    expect(await store.putUnlessOperators(guards)).toBe(false);
    const afterwards = { ...guards, createdAt: later(1001) };
    expect(await store.putUnlessOperators(afterwards)).toBe(true);
    expect(await store.putUnlessOperators({ ...afterwards, id: randomUUIDv7() })).toBe(true);
    expect(await store.list()).toHaveLength(1);
  });

  test('those that are over are told once, and the guard’s are no more than fit', async () => {
    const over = banOf('1.2.3.4/32', { until: later(10) });
    await store.put(over);
    await store.put(banOf('1.2.3.5/32'));
    for (let count = 1; count <= 5; count += 1) {
      const until = later(count * 1000);
      await store.putUnlessOperators(banOf(`10.0.0.${count}/32`, { origin: 'guard', until }));
    }
    expect(await store.sweep(later(11), 3)).toEqual([over]);
    expect(await store.sweep(later(11), 3)).toEqual([]);
    const left = (await store.list()).map(({ network }) => network).toSorted();
    expect(left).toEqual(['1.2.3.5/32', '10.0.0.3/32', '10.0.0.4/32', '10.0.0.5/32']);
  });

  test('every process hears of one', async () => {
    const another = await opened.openAnother();
    let heard = 0;
    await new PostgresBanStore(another).onChange(() => {
      heard += 1;
    });
    await store.put(banOf('1.2.3.4/32'));
    await expect.poll(() => heard).toBe(1);
    await another.close();
  });
});

function banOf(network: string, change: Partial<Ban> = {}): Ban {
  return {
    id: randomUUIDv7(),
    network,
    origin: 'operator',
    reason: 'noise',
    by: 'ann',
    createdAt: start,
    until: undefined,
    ...change,
  };
}
