// A database that others go on writing to arrives; all of it as it was at one moment leaves, table by table, as a stream. Implements hub/backup/database-dump.ts.

import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';

import { Client, type ClientBase, type ClientConfig } from 'pg';
import type * as Copy from 'pg-copy-streams';

import type { DatabaseDump } from '../backup/database-dump.ts';
import { appliedMigrations } from './migrate.ts';
import { namesMadeBy, readMigrations } from './migration-files.ts';

export const copyStreams = createRequire(import.meta.url)('pg-copy-streams') as typeof Copy;

/** Values read the same wherever they are written: times in UTC, bytes in hex, numbers with all their digits. */
export const plainText = `
  SET LOCAL timezone = 'UTC';
  SET LOCAL datestyle = 'ISO, YMD';
  SET LOCAL intervalstyle = 'postgres';
  SET LOCAL bytea_output = 'hex';
  SET LOCAL extra_float_digits = 1;
  SET LOCAL synchronize_seqscans = off;
  SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = 0`;

/** One transaction that sees one moment. It holds back the clearing of old rows while it lasts, and nobody's writing. */
export async function openDump(connection: ClientConfig): Promise<DatabaseDump> {
  const client = new Client(connection);
  // While rows flow the stream has its errors; between two of them, the next query.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(plainText);
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    const migrations = await appliedMigrations(client);
    const made = namesMadeBy(readMigrations());
    const tables = await listTables(client, made.tables);
    const sequences = await listSequences(client, made.sequences);
    return {
      postgres: rows[0]?.server_version ?? '',
      migrations,
      tables,
      sequences,
      copyOut: (name) => copyOut(client, tables, name),
      close: async () => client.end(),
    };
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

type Asked = Pick<ClientBase, 'query'>;

export function copyOut(client: Client, tables: readonly Table[], name: string): Readable {
  const table = tables.find((one) => one.name === name);
  if (table === undefined) throw new Error(`no table ${name} was listed`);
  const rows = client.query(copyStreams.to(`COPY ${target(table)} TO STDOUT`));
  // Whoever has stopped reading hears of no end of the connection; nobody else has to.
  rows.on('error', () => {});
  return rows;
}

/** Both names come from the database's own catalogue or were looked up in it. */
export function target({ name, columns }: Table): string {
  return `public."${name}" (${columns.map((column) => `"${column}"`).join(', ')})`;
}

/** What is referred to stands before what refers to it: in this order they can be filled. */
export async function listTables(client: Asked, known: readonly string[]): Promise<Table[]> {
  const { rows } = await client.query<{ name: string; columns: string[]; needs: string[] }>(
    `SELECT relname AS name,
       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0
         AND NOT attisdropped AND attgenerated = '' ORDER BY attnum) AS columns,
       ARRAY(SELECT referred.relname::text FROM pg_constraint
         JOIN pg_class AS referred ON referred.oid = confrelid
         WHERE conrelid = pg_class.oid AND contype = 'f' AND confrelid <> conrelid) AS needs
     FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = 'public' AND relkind = 'r' AND relname = ANY($1)
     ORDER BY relname COLLATE "C"`,
    [known],
  );
  const waiting = new Map(rows.map((row) => [row.name, row]));
  const ordered: Table[] = [];
  while (waiting.size > 0) {
    const free = [...waiting.values()].filter(({ needs }) => !needs.some((n) => waiting.has(n)));
    if (free.length === 0) throw new Error('tables refer to each other in a circle');
    for (const { name, columns } of free) {
      ordered.push({ name, columns });
      waiting.delete(name);
    }
  }
  return ordered;
}

/** Sequences know no transaction: what they gave since is counted too, which only makes them safer. */
async function listSequences(
  client: Asked,
  known: readonly string[],
): Promise<{ name: string; value: string; isCalled: boolean }[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT sequencename AS name FROM pg_sequences
     WHERE schemaname = 'public' AND sequencename = ANY($1) ORDER BY 1`,
    [known],
  );
  const found = [];
  for (const { name } of rows) {
    const { rows: state } = await client.query<{ value: string; called: boolean }>(
      `SELECT last_value AS value, is_called AS called FROM public."${name}"`,
    );
    for (const { value, called } of state) found.push({ name, value, isCalled: called });
  }
  return found;
}
