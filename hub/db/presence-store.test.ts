import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { TestStores } from '../../test/support/stores.ts';
import type { HubRun } from '../tunnels/presence.ts';
import type { Database } from './connect.ts';
import { sql } from './drizzle.ts';
import { PostgresPresenceStore } from './presence-store.ts';
import { hubRuns, presences } from './schema.ts';

const since = new Date('2026-03-01T12:00:00.000Z');

describe.each(Object.entries(databaseKinds))('who is connected, on %s', (_kind, openDatabase) => {
  let opened: TestDatabase;
  /** Another process: what it learns is what a command shows. */
  let reader: PostgresPresenceStore;
  let readersDatabase: Database;

  beforeAll(async () => {
    opened = await openDatabase();
    readersDatabase = await opened.openAnother();
    reader = new PostgresPresenceStore(readersDatabase);
  });
  afterAll(async () => {
    await readersDatabase.close();
    await opened.close();
  });
  beforeEach(async () => {
    await opened.database.queries.delete(hubRuns);
  });

  async function hubProcess(): Promise<{ database: Database; run: HubRun }> {
    const database = await opened.openAnother();
    return { database, run: await new PostgresPresenceStore(database).begin() };
  }

  test('is seen by other processes at once, and no longer when it went', async () => {
    const { database, run } = await hubProcess();
    const [one, two] = [randomUUIDv7(), randomUUIDv7()];
    await run.tell(new Map([[one, since]]));
    const later = new Date(since.getTime() + 1);
    await run.tell(new Map([[two, later]]));
    expect([...(await reader.list())]).toEqual([[two, { state: 'connected', since: later }]]);
    await run.tell(new Map([[two, since]]));
    expect((await reader.list()).get(two)).toEqual({ state: 'connected', since });
    await run.end();
    expect([...(await reader.list())]).toEqual([]);
    await database.close();
  });

  test('is nobody any more at the moment the process of its hub is gone', async () => {
    const { database, run } = await hubProcess();
    const { server } = await new TestStores(opened.database).enrol();
    await run.tell(new Map([[server.id, since]]));
    // As after kill -9: the connections end, and nothing was said.
    await database.close();
    const found = await reader.list();
    expect(found.get(server.id)).toEqual({ state: 'lost', lastSeenAt: expect.any(Date) });
    // The next hub on this database tidies up, and keeps when the server was last seen.
    const next = await hubProcess();
    expect([...(await reader.list())]).toEqual([]);
    const { lastSeenAt } = (await new TestStores(opened.database).servers.find(server.id)) ?? {};
    expect({ state: 'lost', lastSeenAt }).toEqual(found.get(server.id));
    await next.database.close();
  });

  test('is not believed of a hub that gives no sign of life, until it does again', async () => {
    const { database, run } = await hubProcess();
    const id = randomUUIDv7();
    await run.tell(new Map([[id, since]]));
    await opened.database.queries.update(hubRuns).set({ beatAt: since });
    expect((await reader.list()).get(id)).toEqual({ state: 'lost', lastSeenAt: since });
    await run.tell(new Map([[id, since]]));
    expect((await reader.list()).get(id)).toEqual({ state: 'connected', since });
    await database.close();
  });

  test('is told anew by a hub whose run was buried while its connection was cut', async () => {
    const { database, run } = await hubProcess();
    const id = randomUUIDv7();
    await run.tell(new Map([[id, since]]));
    await cutConnections('pg_advisory_lock_shared');
    await opened.database.queries.delete(hubRuns);
    await run.tell(new Map([[id, since]]));
    await expect.poll(() => reader.list()).toEqual(new Map([[id, { state: 'connected', since }]]));
    await database.close();
  });

  test('is told anew in full after a telling that failed', async () => {
    const { database, run } = await hubProcess();
    const [one, two] = [randomUUIDv7(), randomUUIDv7()];
    await run.tell(new Map([[one, since]]));
    await expect(run.tell(new Map([['no id', since]]))).rejects.toThrow('Failed query');
    // A row of a telling whose commit went through although its answer was lost.
    const runId = sql`(SELECT max(id) FROM hub_runs)`;
    await opened.database.queries.insert(presences).values({ runId, serverId: two, since });
    await run.tell(new Map([[one, since]]));
    expect([...(await reader.list()).keys()]).toEqual([one]);
    await database.close();
  });

  test('is connected when one of two hubs says so and lives', async () => {
    const [dead, living] = [await hubProcess(), await hubProcess()];
    const id = randomUUIDv7();
    for (const { run } of [living, dead]) await run.tell(new Map([[id, since]]));
    await dead.database.close();
    expect([...(await reader.list())]).toEqual([[id, { state: 'connected', since }]]);
    await living.database.close();
  });

  test('may be ten thousand', async () => {
    const { database, run } = await hubProcess();
    const many = Array.from({ length: 10_000 }, () => [randomUUIDv7(), since] as const);
    await run.tell(new Map(many));
    expect((await reader.list()).size).toBe(10_000);
    await run.tell(new Map(many.slice(0, 1)));
    expect((await reader.list()).size).toBe(1);
    await database.close();
  });

  async function cutConnections(words: string): Promise<void> {
    await opened.database.queries.execute(sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE query LIKE ${`%${words}%`} AND pid <> pg_backend_pid()`);
  }
});
