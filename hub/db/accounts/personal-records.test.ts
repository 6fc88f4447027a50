import { randomUUID, randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { TestStores } from '../../../test/support/stores.ts';
import { sql } from '../drizzle.ts';
import { PostgresLimitStore } from '../usage/limit-store.ts';
import { PostgresTrafficStore } from '../usage/traffic-store.ts';
import { PostgresAccountStore } from './account-store.ts';
import { impersonalTables, personalTables, PostgresPersonalRecords } from './personal-records.ts';

/** What opens something, by the name that such columns have here. */
const secretive = /hash|sealed|^mac$|secret|token$|^key_authorization$|^challenge$|^selector$/;

describe.each(Object.entries(databaseKinds))(
  'what is held about a person, on %s',
  (_kind, openDatabase) => {
    let opened: TestDatabase;

    beforeAll(async () => {
      opened = await openDatabase();
    });
    afterAll(() => opened.close());

    test('is looked for in every table but those that are nobody’s', async () => {
      const { rows } = await opened.database.queries.execute<{ name: string }>(sql`
      SELECT table_name AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`);
      const names = rows.map(({ name }) => name).toSorted();
      const known = [...Object.keys(personalTables), ...impersonalTables].toSorted();
      expect(known).toEqual(names);
    });

    test('leaves without a column that opens something', async () => {
      const { rows } = await opened.database.queries.execute<{ table: string; column: string }>(sql`
      SELECT table_name AS table, column_name AS column FROM information_schema.columns
      WHERE table_schema = 'public'`);
      const left = rows.filter(({ table, column }) => {
        const personal = personalTables[table];
        return personal && secretive.test(column) && personal.without?.includes(column) !== true;
      });
      expect(left).toEqual([]);
      for (const [table, { without = [] }] of Object.entries(personalTables)) {
        const columns = rows.filter((row) => row.table === table).map(({ column }) => column);
        expect(columns).toEqual(expect.arrayContaining([...without]));
      }
    });

    test('is his own and nobody else’s, with what his servers moved', async () => {
      const [id, ownerId] = [randomUUIDv7(), randomUUID()];
      await opened.database.queries.execute(sql`INSERT INTO owners (id) VALUES (${ownerId})`);
      await opened.database.queries.execute(sql`
      INSERT INTO accounts (id, owner_id, username, key, role, state, password_hash, created_at)
      VALUES (${id}::uuid, ${ownerId}, 'Anna', 'anna', 'owner', 'active', 'canary-hash', now())`);
      const { server } = await new TestStores(opened.database).enrol({ ownerId, label: 'mine' });
      await new TestStores(opened.database).enrol({ label: 'foreign' });
      const counted = { bytesUp: 1, bytesDown: 2, requests: [0, 1, 0, 0, 0, 0] };
      await new PostgresTrafficStore(opened.database).add({
        writer: randomUUID(),
        sequence: 1,
        at: new Date(),
        portions: [{ serverId: server.id, ownerId, counted }],
      });
      const records = await new PostgresPersonalRecords(opened.database).of({ id, ownerId });
      expect(records['accounts']).toMatchObject([{ username: 'Anna' }]);
      expect(records['servers']).toMatchObject([{ id: server.id }]);
      expect(records['labels']).toMatchObject([{ label: 'mine' }]);
      expect(records['traffic']).toHaveLength(2);
      const text = JSON.stringify(records);
      expect(text).not.toContain('canary');
      expect(text).not.toContain('foreign');
    });

    test('is gone when he leaves, but for the names that stay in quarantine', async () => {
      const id = randomUUIDv7();
      const queries = opened.database.queries;
      await queries.execute(sql`INSERT INTO owners (id) VALUES (${id})`);
      await queries.execute(sql`
      INSERT INTO accounts (id, owner_id, username, key, role, state, created_at)
      VALUES (${id}::uuid, ${id}, 'Ben', 'ben', 'owner', 'active', now())`);
      const { server } = await new TestStores(opened.database).enrol({ ownerId: id });
      const counted = { bytesUp: 1, bytesDown: 2, requests: [0, 1, 0, 0, 0, 0] };
      const portions = [{ serverId: server.id, ownerId: id, counted }];
      const batch = { writer: randomUUID(), sequence: 1, at: new Date(), portions };
      const traffic = new PostgresTrafficStore(opened.database);
      await traffic.add(batch);
      await new PostgresLimitStore(opened.database).set(
        { scope: 'server', id: server.id },
        { streams: 1 },
      );
      await new PostgresAccountStore(opened.database).remove(id);
      const records = new PostgresPersonalRecords(opened.database);
      const left = Object.keys(await records.of({ id, ownerId: id }));
      expect(
        left.filter(
          (table) => !['agents', 'enrolment_tokens', 'labels', 'servers'].includes(table),
        ),
      ).toEqual([]);
      // What the last minute still brings goes with the next tidying.
      await traffic.add({ ...batch, sequence: 2 });
      await traffic.forget(new Date(0));
      expect(Object.keys(await records.of({ id, ownerId: id }))).not.toContain('traffic');
    });
  },
);
