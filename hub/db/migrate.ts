// A connected database arrives; the same database with all tables of this version leaves. Forward only.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drizzle, runMigrations } from './drizzle.ts';
import { Client, type ClientConfig, DatabaseError as ServerError } from 'pg';
import { DatabaseError } from './database-error.ts';

const migrationsFolder = join(import.meta.dirname, 'migrations');
/** In `public`: a schema of their own would need a right that the owner of the tables need not have. */
const table = { migrationsSchema: 'public', migrationsTable: 'migrations' };
/** Any number will do, as long as every hub asks for the same: "phlix" on a telephone's keys. */
const lockKey = 74_549;

/**
 * Waits for its turn: several processes may start at once, and drizzle's migrator fails if two run together.
 * @throws DatabaseError database.newer | database.no-permission
 */
export async function migrate(connection: ClientConfig): Promise<void> {
  const client = new Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lockKey]);
    await refuseNewer(client);
    await runMigrations(drizzle(client), { migrationsFolder, ...table });
  } catch (error) {
    throw isDenied(error) ? denied(error) : error;
  } finally {
    // The lock goes with its connection.
    await client.end();
  }
}

/** drizzle skips migrations older than the newest it finds, so an old hub would run on tables it does not know. */
async function refuseNewer(client: Client): Promise<void> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "SELECT to_regclass('public.migrations') IS NOT NULL AS exists",
  );
  if (found[0]?.exists !== true) {
    return;
  }
  const { rows } = await client.query<{ newest: string | null }>(
    'SELECT max(created_at) AS newest FROM public.migrations',
  );
  const journal: { entries: { when: number }[] } = JSON.parse(
    readFileSync(join(migrationsFolder, 'meta', '_journal.json'), 'utf8'),
  );
  const newestKnown = Math.max(...journal.entries.map((entry) => entry.when));
  if (Number(rows[0]?.newest ?? 0) > newestKnown) {
    throw new DatabaseError(
      'database.newer',
      'a newer phlix-hub has already changed this database: start that version again, or give this one a database of its own',
    );
  }
}

function isDenied(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof ServerError && cause.code === '42501';
}

function denied(error: unknown): DatabaseError {
  return new DatabaseError(
    'database.no-permission',
    'the user in HUB_DATABASE_URL may not make tables: make it the owner of the database (ALTER DATABASE name OWNER TO user)',
    { cause: error },
  );
}
