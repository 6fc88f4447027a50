// A backup's manifest and rows arrive; a database that holds exactly them leaves, in one transaction, or the one that was there. Implements hub/backup/database-dump.ts.

import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import { Client, type ClientBase, type ClientConfig, DatabaseError as ServerError } from 'pg';

import { BackupError, damaged } from '../backup/backup-error.ts';
import type { DatabaseLoad, LoadOptions } from '../backup/database-dump.ts';
import type { DumpedTable, Manifest } from '../backup/manifest.ts';
import { DatabaseError } from './database-error.ts';
import { copyStreams, listTables, plainText, target } from './dump.ts';
import { type Ended, endWhatEnded, endWhatWasOpen, readEnded } from './restored-ends.ts';
import { writeMark } from './marks.ts';
import { appliedMigrations, applyMigrations, holdMigrations } from './migrate.ts';
import {
  type MigrationFile,
  migrationsFolder,
  namesMadeBy,
  readMigrations,
  readSchema,
} from './migration-files.ts';
import { requireSchema } from './schema-check.ts';

/**
 * What was there goes with the commit, and not before. Nobody else may use the database: hubs are refused, other commands wait.
 * @throws DatabaseError database.in-use | database.no-permission, BackupError backup.newer
 */
export async function openLoad(
  connection: ClientConfig,
  options: LoadOptions,
  folder = migrationsFolder,
): Promise<PostgresLoad> {
  const client = new Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    await holdMigrations(client);
    await refuseLivingHubs(client);
    await client.query('BEGIN');
    await client.query(plainText);
    const known = readMigrations(folder);
    const then = migrationsThen(known, options.manifest);
    const ended = await readEnded(client);
    await dropOurs(client, known);
    await applyMigrations(client, then);
    const tables = await listTables(client, namesMadeBy(then).tables);
    await emptyOurs(client, tables);
    requireTables(options.manifest, tables);
    requireSequences(options.manifest, namesMadeBy(then).sequences);
    const later = options.isForward
      ? known.filter(({ at }) => !then.some((one) => one.at === at))
      : [];
    return new PostgresLoad(client, { ...options, ended, later, folder });
  } catch (error) {
    await client.end().catch(() => {});
    throw isDenied(error) ? denied(error) : error;
  }
}

interface LoadParts extends LoadOptions {
  readonly ended: Ended;
  /** Migrations of this version that the backup's did not have yet. */
  readonly later: readonly MigrationFile[];
  readonly folder: string;
}

interface Filling {
  readonly table: DumpedTable;
  readonly rows: Writable & { readonly rowCount: number };
  /** The stream forgets whoever waits for it when the server refuses its rows. */
  readonly failed: Promise<never>;
}

class PostgresLoad implements DatabaseLoad {
  readonly client: Client;
  readonly #parts: LoadParts;
  readonly #filled = new Set<string>();
  #filling: Filling | undefined;

  constructor(client: Client, parts: LoadParts) {
    this.client = client;
    this.#parts = parts;
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    if (this.#filling?.table.name !== name) {
      await this.finish();
      this.#filling = this.#begin(name);
    }
    const { rows, failed } = this.#filling;
    const taken = new Promise<void>((resolve) => void rows.write(bytes, () => resolve()));
    try {
      await Promise.race([taken, failed]);
    } catch (error) {
      this.#filling = undefined;
      throw unfit(name, error);
    }
  }

  /** The table that was written last is full. @throws BackupError backup.damaged */
  async finish(): Promise<void> {
    const filling = this.#filling;
    if (filling === undefined) return;
    this.#filling = undefined;
    const { table, rows, failed } = filling;
    try {
      await Promise.race([ended(rows), failed]);
    } catch (error) {
      throw unfit(table.name, error);
    }
    if (rows.rowCount !== table.rows) throw unfit(table.name);
    this.#filled.add(table.name);
  }

  async commit(): Promise<void> {
    const { manifest, ended, later, folder, id, isForward, isMove } = this.#parts;
    await this.finish();
    const missing = manifest.tables.find(({ name, rows }) => rows > 0 && !this.#filled.has(name));
    if (missing !== undefined) throw unfit(missing.name);
    await setSequences(this.client, manifest);
    if (isForward) {
      await applyMigrations(this.client, later);
      await requireSchema(this.client, readSchema(folder));
    }
    // In the tables of this version: the backup's may have had no room for what ended.
    if (isMove !== true) {
      await endWhatWasOpen(this.client);
      await endWhatEnded(this.client, ended);
      await writeMark(this.client, { kind: 'restored', id });
    }
    await this.client.query('COMMIT');
    await this.client.end();
  }

  async abandon(): Promise<void> {
    this.#filling?.rows.destroy();
    // The transaction ends with its connection.
    await this.client.end().catch(() => {});
  }

  #begin(name: string): Filling {
    const table = this.#parts.manifest.tables.find((one) => one.name === name);
    if (table === undefined || this.#filled.has(name)) throw unfit(name);
    const rows = this.client.query(copyStreams.from(`COPY ${target(table)} FROM STDIN`));
    const failed = new Promise<never>((_, reject) => rows.once('error', reject));
    failed.catch(() => {});
    return { table, rows, failed };
  }
}

async function ended(rows: Writable): Promise<void> {
  rows.end();
  await finished(rows);
}

type Asked = Pick<ClientBase, 'query'>;

/** Of each hub that lives its connection holds a lock (hub/db/presence-store.ts). */
export async function refuseLivingHubs(client: Asked): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
     WHERE locktype = 'advisory' AND granted AND datname = current_database()
       AND classid = $1 AND objsubid = 2 LIMIT 1`,
    [hubLockSpace],
  );
  if (rows.length === 0) return;
  throw new DatabaseError(
    'database.in-use',
    'a hub works with this database: stop every hub of it (phlix-hub drain, or systemctl stop phlix-hub) and try again',
  );
}

const hubLockSpace = 7867;

function migrationsThen(known: readonly MigrationFile[], manifest: Manifest): MigrationFile[] {
  const then = new Set(manifest.migrations.map(({ at }) => at));
  const found = known.filter(({ at }) => then.has(at));
  if (found.length === then.size) return found;
  throw new BackupError(
    'backup.newer',
    `This backup was made by phlix-hub ${manifest.version}, whose tables this version does not know: use that version or a later one.`,
  );
}

/** Ours only: the database may hold tables of others. */
async function dropOurs(client: Asked, known: readonly MigrationFile[]): Promise<void> {
  const { tables, sequences } = namesMadeBy(known);
  await client.query(`DROP TABLE IF EXISTS ${listed(['migrations', ...tables])} CASCADE`);
  await client.query(`DROP SEQUENCE IF EXISTS ${listed(sequences)}`);
}

function listed(names: readonly string[]): string {
  return names.map((name) => `public."${name}"`).join(', ');
}

/** Migrations put rows in some; a backup has them too. Those that refer to others go first. */
async function emptyOurs(
  client: Asked,
  tables: readonly { readonly name: string }[],
): Promise<void> {
  for (const { name } of tables.toReversed()) await client.query(`DELETE FROM public."${name}"`);
}

/** Names from the file are believed only where the database has them. */
function requireTables(
  manifest: Manifest,
  found: readonly { readonly name: string; readonly columns: readonly string[] }[],
): void {
  for (const { name, columns } of manifest.tables) {
    const table = found.find((one) => one.name === name);
    if (table === undefined || columns.some((column) => !table.columns.includes(column)))
      throw unfit(name);
  }
}

/** The database may hold those of others, and a file does not set them. */
function requireSequences({ sequences }: Manifest, ours: readonly string[]): void {
  const stranger = sequences.find(({ name }) => !ours.includes(name));
  if (stranger !== undefined) throw unfit(stranger.name);
}

async function setSequences(client: Asked, { sequences }: Manifest): Promise<void> {
  for (const { name, value, is_called: isCalled } of sequences) {
    await client.query('SELECT setval(to_regclass($1), $2::bigint, $3)', [
      `public."${name}"`,
      value,
      isCalled,
    ]);
  }
}

export async function requireEmpty(client: Asked, place: string): Promise<void> {
  if ((await appliedMigrations(client)).length === 0) return;
  throw new DatabaseError(
    'database.not-empty',
    `the database at ${place} is a hub's already: give an empty one (createdb), or empty that one first`,
  );
}

function unfit(table: string, cause?: unknown): BackupError {
  const why = cause instanceof ServerError ? ` (${cause.message})` : '';
  const what = `the rows of ${table} do not fit its tables${why}`;
  return new BackupError('backup.damaged', damaged(what), { cause });
}

function isDenied(error: unknown): boolean {
  return error instanceof ServerError && error.code === '42501';
}

function denied(cause: unknown): DatabaseError {
  return new DatabaseError(
    'database.no-permission',
    'the user in HUB_DATABASE_URL may not make and drop these tables: make it their owner (REASSIGN OWNED), or the owner of an empty database',
    { cause },
  );
}
