import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { sql } from './drizzle.ts';
import { withClient } from './marks.ts';
import { migrate } from './migrate.ts';
import { migrationsFolder, readSchema } from './migration-files.ts';
import { requireSchema, schemaOf } from './schema-check.ts';

const schemaFile = join(migrationsFolder, 'meta', 'schema.txt');

describe.each(Object.entries(databaseKinds))('on %s', (_kind, open) => {
  let opened: TestDatabase;

  beforeAll(async () => {
    opened = await open();
  });

  afterAll(async () => opened?.close());

  test('what the migrations make is what schema.txt says, and what every version of PostgreSQL says', async () => {
    const found = await withClient(opened.database.connection, schemaOf);
    await expect(`${found.join('\n')}\n`).toMatchFileSnapshot(schemaFile);
    expect(readSchema()).toEqual(found);
  });

  test.each([
    ['ALTER TABLE servers RENAME COLUMN http2 TO http3', 'column servers.http2 boolean not null'],
    ['ALTER TABLE agents ALTER COLUMN created_at DROP NOT NULL', 'column agents.created_at'],
    ['DROP INDEX labels_one_per_server', 'index labels_one_per_server'],
    [
      'ALTER TABLE labels DROP CONSTRAINT labels_label_check',
      'constraint labels.labels_label_check',
    ],
    ['DROP SEQUENCE link_epoch', 'sequence link_epoch'],
  ])('after %s it is said what is missing', async (change, missing) => {
    await withClient(opened.database.connection, async (client) => {
      await client.query('BEGIN');
      await client.query(change);
      await expect(requireSchema(client, readSchema())).rejects.toMatchObject({
        code: 'database.schema',
        message: expect.stringContaining(missing),
      });
    });
  });

  test('a hub refuses tables whose migrations count as done and were not', async () => {
    const { queries, connection } = opened.database;
    await queries.execute(sql`ALTER TABLE servers RENAME COLUMN http2 TO http3`);
    await expect(migrate(connection)).rejects.toMatchObject({ code: 'database.schema' });
    await queries.execute(sql`ALTER TABLE servers RENAME COLUMN http3 TO http2`);
    await migrate(connection);
  });

  test('tables and columns that others added are nobody’s business', async () => {
    const { queries, connection } = opened.database;
    await queries.execute(sql`ALTER TABLE servers ADD COLUMN notes text`);
    await queries.execute(sql`CREATE TABLE of_somebody_else (id integer)`);
    await expect(migrate(connection)).resolves.toBeUndefined();
  });
});
