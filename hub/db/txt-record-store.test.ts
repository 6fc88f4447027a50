import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { start } from '../../test/support/stores.ts';
import { txtRecords } from './schema.ts';
import { PostgresTxtRecordStore } from './txt-record-store.ts';

const minuteMs = 60_000;
const soon = new Date(start.getTime() + minuteMs);
const name = '_acme-challenge.tv.test';

describe.each(Object.entries(databaseKinds))('TXT records on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let store: PostgresTxtRecordStore;
  let now: Date;

  beforeAll(async () => {
    opened = await openTestDatabase();
    store = new PostgresTxtRecordStore(opened.database, { now: () => now });
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    now = start;
    await opened.database.queries.delete(txtRecords);
  });

  test('of one name stand beside each other, each once, until each is removed', async () => {
    const [apex, wildcard] = [
      { name, value: 'apex' },
      { name, value: 'wildcard' },
    ];
    for (const record of [apex, wildcard, apex]) await store.put(record, soon);
    expect(await store.list()).toEqual(expect.arrayContaining([apex, wildcard]));
    expect(await store.list()).toHaveLength(2);
    await store.remove(apex);
    await store.remove(apex);
    expect(await store.list()).toEqual([wildcard]);
  });

  test('last until the end that was said last, and then go with the next one', async () => {
    const record = { name, value: 'left-by-a-killed-process' };
    await store.put(record, start);
    expect(await store.list()).toEqual([]);
    await store.put(record, soon);
    expect(await store.list()).toEqual([record]);
    now = new Date(soon.getTime() + 1);
    const next = { name, value: 'next' };
    await store.put(next, new Date(now.getTime() + minuteMs));
    expect(await opened.database.queries.select().from(txtRecords)).toMatchObject([next]);
  });

  test('are told to every process when one is put and when one is removed', async () => {
    const another = await opened.openAnother();
    const heard = new EventEmitter();
    const anotherStore = new PostgresTxtRecordStore(another, { now: () => now });
    const stop = await anotherStore.watch(() => void heard.emit('change'));
    const nextChange = () => once(heard, 'change', { signal: AbortSignal.timeout(5000) });
    const record = { name, value: 'told' };
    const put = nextChange();
    await store.put(record, soon);
    await put;
    expect(await anotherStore.list()).toEqual([record]);
    const removed = nextChange();
    await store.remove(record);
    await removed;
    expect(await anotherStore.list()).toEqual([]);
    await stop();
    await another.close();
  });
});
