// A connected database arrives; the same database with all tables of this version leaves, or unchanged with the reason. Forward only.

import { type Client, type ClientBase, type ClientConfig, DatabaseError as ServerError } from 'pg';
import { DatabaseError, type DatabaseErrorCode } from './database-error.ts';
import { refuseMoved, withClient } from './marks.ts';
import {
  type MigrationFile,
  migrationsFolder,
  namesMadeBy,
  readMigrations,
  readSchema,
} from './migration-files.ts';
import { requireSchema } from './schema-check.ts';

export interface MigrateOptions {
  /** Called when tables with data are about to change; what it throws keeps them as they are. */
  readonly beforeChange?: (() => Promise<Kept | undefined>) | undefined;
  readonly folder?: string;
}

/** What was kept of the tables before they change. */
export interface Kept {
  /** Not called when nobody knows, as when the connection ended with the commit under way. */
  settle(isChanged: boolean): Promise<void>;
}

/** Any number will do, as long as every hub asks for the same: "phlix" on a telephone's keys. */
const lockKey = 74_549;

/**
 * Waits for its turn: several processes may start at once. All pending migrations are one transaction: if one fails, the
 * database is that of the former version, which can start on it.
 * @throws DatabaseError database.newer | database.moved | database.migration | database.schema | database.no-permission
 */
export async function migrate(
  connection: ClientConfig,
  { beforeChange, folder = migrationsFolder }: MigrateOptions = {},
): Promise<void> {
  const known = readMigrations(folder);
  await withClient(connection, async (client) => {
    try {
      await holdMigrations(client);
      await refuseMoved(client);
      const applied = await appliedMigrations(client);
      const pending = pendingOf(known, applied);
      const isAsked = pending.length > 0 && applied.length > 0 && (await holdsData(client, known));
      const kept = isAsked ? await beforeChange?.() : undefined;
      try {
        await inOneTransaction(client, async () => {
          await applyMigrations(client, pending);
          await requireSchema(client, readSchema(folder));
        });
      } catch (error) {
        // Both come before the commit.
        if (hasCode(error, ['database.migration', 'database.schema']))
          await kept?.settle(false).catch(() => {});
        throw error;
      }
      await kept?.settle(true);
    } catch (error) {
      throw isDenied(error) ? denied(error) : error;
    }
  });
}

type Asked = Pick<ClientBase, 'query'>;

/** Until the connection ends: nobody else migrates, restores or moves this database. */
export async function holdMigrations(client: Asked): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [lockKey]);
}

/** Oldest first; none in an empty database. */
export async function appliedMigrations(
  client: Asked,
): Promise<readonly { readonly at: number; readonly hash: string }[]> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "SELECT to_regclass('public.migrations') IS NOT NULL AS exists",
  );
  if (found[0]?.exists !== true) return [];
  const { rows } = await client.query<{ at: string; hash: string }>(
    'SELECT created_at AS at, hash FROM public.migrations ORDER BY created_at',
  );
  return rows.map(({ at, hash }) => ({ at: Number(at), hash }));
}

/** Within the caller's transaction. @throws DatabaseError database.migration */
export async function applyMigrations(
  client: Asked,
  files: readonly MigrationFile[],
): Promise<void> {
  if (files.length > 0) await client.query(makeTable);
  for (const { at, hash, name, sql } of files) {
    try {
      await client.query(sql);
    } catch (error) {
      if (isDenied(error)) throw error;
      throw failed(name, error);
    }
    await client.query('INSERT INTO public.migrations (hash, created_at) VALUES ($1, $2)', [
      hash,
      at,
    ]);
  }
}

/** As the first versions made it, in `public`: a schema of its own would need a right that the owner of the tables need not have. */
const makeTable = `
  CREATE TABLE IF NOT EXISTS public.migrations (
    id serial PRIMARY KEY,
    hash text NOT NULL,
    created_at bigint
  )`;

/** Those that are missing, wherever in the order: of two that were made at the same time the other may be there already. */
function pendingOf(
  known: readonly MigrationFile[],
  applied: readonly { readonly at: number }[],
): MigrationFile[] {
  const numbers = new Set(known.map(({ at }) => at));
  if (applied.some(({ at }) => !numbers.has(at))) {
    throw new DatabaseError(
      'database.newer',
      'a newer phlix-hub has already changed this database: start that version again, go back with its phlix-hub rollback, or give this one a database of its own',
    );
  }
  const done = new Set(applied.map(({ at }) => at));
  return known.filter(({ at }) => !done.has(at));
}

/** Anything that people or agents put there; the rows that every hub makes at its first start are none. */
async function holdsData(client: Asked, known: readonly MigrationFile[]): Promise<boolean> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_name = ANY($1)`,
    [namesMadeBy(known).tables.filter((name) => !selfMade.has(name))],
  );
  if (rows.length === 0) return false;
  const looks = rows.map(({ name }) => `EXISTS (SELECT FROM public."${name}")`);
  const { rows: answer } = await client.query<{ holds: boolean }>(
    `SELECT ${looks.join(' OR ')} AS holds`,
  );
  return answer[0]?.holds === true;
}

const selfMade = new Set(['owners', 'hub_runs', 'presences', 'setup_tokens', 'probes']);

async function inOneTransaction(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

function failed(name: string, error: unknown): DatabaseError {
  const why = error instanceof Error ? error.message : String(error);
  return new DatabaseError(
    'database.migration',
    `the migration ${name} failed (${why}); nothing was changed: start the version that ran before, and report this`,
    { cause: error },
  );
}

function hasCode(error: unknown, codes: readonly DatabaseErrorCode[]): boolean {
  return error instanceof DatabaseError && codes.some((code) => error.code === code);
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
