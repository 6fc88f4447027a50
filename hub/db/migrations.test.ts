import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { migrate as migrateAsBefore } from 'drizzle-orm/node-postgres/migrator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { sql } from './drizzle.ts';
import { migrate } from './migrate.ts';

const folder = join(import.meta.dirname, 'migrations');
const table = { migrationsSchema: 'public', migrationsTable: 'migrations' };

interface Journal {
  readonly entries: readonly { readonly tag: string }[];
}

const journal = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')) as Journal;
/** Schemas that a hub in use may have. */
const earlier = journal.entries.slice(0, -1).map(({ tag }) => tag);

/** The migrations as they were when `tag` was the newest. */
function migrationsUntil(tag: string): string {
  const { path } = temporaryFolder('migrations');
  cpSync(folder, path, { recursive: true });
  const last = journal.entries.findIndex((entry) => entry.tag === tag);
  const cut = { ...journal, entries: journal.entries.slice(0, last + 1) };
  writeFileSync(join(path, 'meta', '_journal.json'), JSON.stringify(cut));
  return path;
}

const server = '01990000-0000-7000-8000-000000000001';

describe.each(Object.entries(databaseKinds))('on %s', (_kind, open) => {
  let opened: TestDatabase;

  beforeAll(async () => {
    opened = await open();
  });

  afterAll(async () => opened?.close());

  test.each(earlier)('what a hub kept as of %s is there afterwards', async (tag) => {
    const { queries } = opened.database;
    await queries.execute(sql`DROP SCHEMA public CASCADE`);
    await queries.execute(sql`CREATE SCHEMA public`);
    await migrateAsBefore(queries, { migrationsFolder: migrationsUntil(tag), ...table });
    await queries.execute(sql`
      INSERT INTO servers (id, owner_id, name, created_at) VALUES (${server}, 'operator', 'Films', now())`);
    await queries.execute(sql`
      INSERT INTO labels (label, owner_id, server_id, state, claimed_at)
      VALUES ('movies', 'operator', ${server}, 'active', now())`);
    await queries.execute(sql`
      INSERT INTO agents (agent_id, public_key, server_id, created_at)
      VALUES ('agent', decode(repeat('ab', 32), 'hex'), ${server}, now())`);
    await migrate(opened.database.connection);
    const { rows } = await queries.execute(sql`
      SELECT servers.name, label, agent_id, servers.owner_id, http2, min_tls FROM servers
      JOIN labels ON labels.server_id = servers.id JOIN agents ON agents.server_id = servers.id`);
    expect(rows).toEqual([
      {
        name: 'Films',
        label: 'movies',
        agent_id: 'agent',
        owner_id: 'operator',
        http2: true,
        min_tls: '1.2',
      },
    ]);
  });
});
