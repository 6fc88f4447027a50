import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { sql } from './drizzle.ts';
import { readMark, withClient, writeMark } from './marks.ts';
import { appliedMigrations, migrate, type MigrateOptions } from './migrate.ts';
import { migrationsFolder } from './migration-files.ts';
import { schemaOf } from './schema-check.ts';

interface Journal {
  entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[];
}

describe.each(Object.entries(databaseKinds))('on %s', (_kind, open) => {
  let opened: TestDatabase;
  let copy: TemporaryFolder;

  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => opened?.close());
  beforeEach(() => {
    copy = temporaryFolder('migrations');
    cpSync(migrationsFolder, copy.path, { recursive: true });
  });
  afterEach(() => copy.remove());

  /** What a later version brings. */
  function add(tag: string, when: number, text: string, makes: readonly string[] = []): void {
    const path = join(copy.path, 'meta', '_journal.json');
    const journal = JSON.parse(readFileSync(path, 'utf8')) as Journal;
    const { entries } = journal;
    entries.push({ idx: entries.length, version: '7', when, tag, breakpoints: true });
    writeFileSync(path, JSON.stringify(journal));
    writeFileSync(join(copy.path, `${tag}.sql`), text);
    appendFileSync(
      join(copy.path, 'meta', 'schema.txt'),
      makes.map((line) => `${line}\n`).join(''),
    );
  }

  function upgrade(beforeChange?: MigrateOptions['beforeChange']): Promise<void> {
    return migrate(opened.database.connection, { folder: copy.path, beforeChange });
  }

  const state = async (): Promise<unknown> =>
    withClient(opened.database.connection, async (client) => [
      await schemaOf(client),
      await appliedMigrations(client),
    ]);

  async function forget(when: number, undo: string): Promise<void> {
    const { queries } = opened.database;
    await queries.execute(sql.raw(undo));
    await queries.execute(sql`DELETE FROM migrations WHERE created_at = ${when}`);
  }

  const later = 9_000_000_000_000;

  test('a migration that fails takes all others with it, and the former version starts', async () => {
    const before = await state();
    add('9000_good', later, 'CREATE TABLE good (id integer);');
    add('9001_bad', later + 1, 'CREATE TABLE half (id integer);\nSELECT 1 / 0;');
    await expect(upgrade()).rejects.toMatchObject({
      code: 'database.migration',
      message: expect.stringContaining('9001_bad failed (division by zero); nothing was changed'),
    });
    expect(await state()).toEqual(before);
    await expect(migrate(opened.database.connection)).resolves.toBeUndefined();
  });

  test('one that does not make what it should is taken back as well', async () => {
    const before = await state();
    add('9000_forgets', later, 'SELECT 1;', ['column servers.rating integer']);
    await expect(upgrade()).rejects.toMatchObject({
      code: 'database.schema',
      message: expect.stringContaining('servers.rating'),
    });
    expect(await state()).toEqual(before);
  });

  test('one that was made earlier and comes later is applied too', async () => {
    add('9002_second', later + 2, 'CREATE TABLE second (id integer);');
    await upgrade();
    add('9001_first', later + 1, 'CREATE TABLE first (id integer);', ['column first.id integer']);
    await expect(upgrade()).resolves.toBeUndefined();
    await forget(later + 1, 'DROP TABLE first');
    await forget(later + 2, 'DROP TABLE second');
  });

  test('before tables with data are changed somebody is asked, who may refuse', async () => {
    let asked = 0;
    const told: boolean[] = [];
    const settle = async (isChanged: boolean): Promise<void> => void told.push(isChanged);
    const ask = async (): Promise<{ settle: typeof settle }> => {
      asked += 1;
      return { settle };
    };
    await upgrade(ask);
    add('9000_change', later, 'CREATE TABLE change (id integer);');
    await upgrade(ask);
    await forget(later, 'DROP TABLE change');
    expect(asked, 'nothing was pending, or nothing was there').toBe(0);
    await opened.database.queries.execute(sql`
      INSERT INTO servers (id, owner_id, name, created_at)
      VALUES ('01990000-0000-7000-8000-000000000001', 'operator', 'Films', now())`);
    const before = await state();
    const refusing = upgrade(() => Promise.reject(new Error('disk full')));
    await expect(refusing).rejects.toThrow('disk full');
    expect(await state()).toEqual(before);
    await upgrade(ask);
    expect(asked).toBe(1);
    await forget(later, 'DROP TABLE change');
    add('9001_bad', later + 1, 'SELECT 1 / 0;');
    await expect(upgrade(ask)).rejects.toMatchObject({ code: 'database.migration' });
    expect(told, 'whether anything was changed').toEqual([true, false]);
  });

  test('a database that was moved starts no hub, until somebody wants it back', async () => {
    const { connection } = opened.database;
    const mark = { kind: 'moved', to: "db.example.org:5432/o'hara" } as const;
    await withClient(connection, async (client) => writeMark(client, mark));
    await expect(migrate(connection)).rejects.toMatchObject({
      code: 'database.moved',
      message: expect.stringContaining("db.example.org:5432/o'hara"),
    });
    await withClient(connection, async (client) => {
      expect(await readMark(client)).toEqual(mark);
      await writeMark(client, undefined);
    });
    await expect(migrate(connection)).resolves.toBeUndefined();
  });
});
