// HUB_DATABASE_URL or HUB_DATA_DIR arrives; how the database is leaves, with nothing in it changed.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, type ClientConfig } from 'pg';

import { connectFailure, DatabaseError, type DatabasePlace } from './database-error.ts';
import { databaseFolders } from './embedded-folders.ts';
import { socketConnection } from './embedded-server.ts';
import { externalServer } from './external.ts';
import { findPostmaster } from './postmaster.ts';

export interface DatabaseState {
  /** Without user and password. */
  readonly place: string;
  /** `18`. */
  readonly version: number;
  /** Its tables, beside those that this version of the hub wants; `none`: nobody has made any yet. */
  readonly schema: 'current' | 'older' | 'newer' | 'none';
  /** Its own clock, and how long the answer took. */
  readonly now: Date;
  readonly tookMs: number;
}

/** Nobody waits for a database that comes up: how it is now is the question. */
const timeoutMs = 4000;

/**
 * Undefined: it is the hub's own, and does not run, since its hub does not.
 * @throws DatabaseError
 */
export async function examineDatabase(settings: {
  url: string | undefined;
  dataDir: string;
}): Promise<DatabaseState | undefined> {
  const server =
    settings.url === undefined
      ? ownServer(settings)
      : { ...externalServer(settings.url), isOwn: false };
  if (server === undefined) return undefined;
  const client = new Client({
    ...server.connection,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return { ...(await stateOf(client)), place: server.place };
  } catch (error) {
    throw error instanceof DatabaseError ? error : connectFailure(error, server);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Looking makes no folder. */
function ownServer({
  dataDir,
}: {
  dataDir: string;
}): ({ connection: ClientConfig } & DatabasePlace) | undefined {
  if (!existsSync(dataDir)) return undefined;
  const running = findPostmaster(databaseFolders({ dataDir }).data);
  if (running === undefined) return undefined;
  const place = running.socketFolder;
  return { connection: socketConnection(place), place, isOwn: true };
}

async function stateOf(client: Client): Promise<Omit<DatabaseState, 'place'>> {
  const begunAt = performance.now();
  const { rows } = await client.query<{ version: string; now: Date; has_tables: boolean }>(
    `SELECT current_setting('server_version_num') AS version, clock_timestamp() AS now,
            to_regclass('public.migrations') IS NOT NULL AS has_tables`,
  );
  const tookMs = performance.now() - begunAt;
  const [row] = rows;
  return {
    version: Math.floor(Number(row?.version) / 10_000),
    now: row?.now ?? new Date(0),
    tookMs,
    schema: row?.has_tables === true ? await schemaOf(client) : 'none',
  };
}

async function schemaOf(client: Client): Promise<DatabaseState['schema']> {
  const { rows } = await client.query<{ newest: string | null }>(
    'SELECT max(created_at) AS newest FROM public.migrations',
  );
  const newest = Number(rows[0]?.newest ?? 0);
  const wanted = newestKnown();
  if (newest === wanted) return 'current';
  if (newest === 0) return 'none';
  return newest > wanted ? 'newer' : 'older';
}

function newestKnown(): number {
  const path = join(import.meta.dirname, 'migrations', 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(path, 'utf8')) as { entries: { when: number }[] };
  return Math.max(...journal.entries.map(({ when }) => when));
}
