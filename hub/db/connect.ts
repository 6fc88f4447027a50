// HUB_DATABASE_URL or HUB_DATA_DIR arrives; an open database leaves, migrated and ready for the stores.

import { setTimeout as wait } from 'node:timers/promises';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { Client, type ClientConfig } from 'pg';
import { drizzle } from './drizzle.ts';
import { ChangeListener } from './change-listener.ts';
import { connectFailure, DatabaseError, type DatabasePlace, isPassing } from './database-error.ts';
import { type EmbeddedOptions, type EmbeddedSettings, openEmbedded } from './embedded.ts';
import type { DatabaseDump } from '../backup/database-dump.ts';
import { externalServer } from './external.ts';
import { unlessStopped } from './interruption.ts';
import { type Kept, migrate } from './migrate.ts';
import { PatientPool } from './patient-pool.ts';

export interface DatabaseSettings extends EmbeddedSettings {
  /** HUB_DATABASE_URL; undefined: the hub's own PostgreSQL. */
  readonly url: string | undefined;
  /** How long an unreachable server is waited for at start. */
  readonly startPatienceMs?: number;
}

export type Queries = NodePgDatabase;

export interface Database {
  readonly queries: Queries;
  readonly changes: ChangeListener;
  /** For logs: where it is, without user and password. */
  readonly place: string;
  /** Of the server that this process started; undefined for any other. */
  readonly serverPid: number | undefined;
  readonly connection: ClientConfig;
  /** All of it as it is now, for a backup. */
  dump(): Promise<DatabaseDump>;
  close(): Promise<void>;
}

export interface OpenOptions extends EmbeddedOptions {
  /** Called when tables with data are about to change. */
  readonly beforeChange?: (server: FoundServer) => Promise<Kept | undefined>;
}

/** Containers that start together: the database needs a moment longer than the hub. */
const defaultStartPatienceMs = 20_000;
const oldestVersion = 15;

/** @throws DatabaseError */
export async function openDatabase(
  settings: DatabaseSettings,
  options: OpenOptions,
): Promise<Database> {
  const server = await openServer(settings, options);
  try {
    const { connection, place } = server;
    const { beforeChange } = options;
    await migrate(connection, {
      beforeChange: beforeChange && (async () => beforeChange(server)),
    });
    const pool = new PatientPool(connection, { place: server, log: options.log });
    const changes = new ChangeListener(connection, options.log);
    return {
      queries: drizzle(pool),
      changes,
      place,
      get serverPid() {
        return server.pid;
      },
      connection,
      dump: async () => dumpOf(connection),
      close: async () => {
        await changes.close();
        await pool.end();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

export interface FoundServer extends DatabasePlace {
  readonly connection: ClientConfig;
  readonly pid: number | undefined;
  close(): Promise<void>;
}

/** Whatever is in it, and nothing of it changed: for restores and moves. @throws DatabaseError */
export async function openServer(
  settings: DatabaseSettings,
  options: EmbeddedOptions,
): Promise<FoundServer> {
  const server = await findServer(settings, options);
  try {
    const patienceMs = settings.startPatienceMs ?? defaultStartPatienceMs;
    await unlessStopped(requireUsable(server, patienceMs, options), options.stopping);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

export async function dumpOf(connection: ClientConfig): Promise<DatabaseDump> {
  const { openDump } = await import('./dump.ts');
  return openDump(connection);
}

async function findServer(
  settings: DatabaseSettings,
  options: EmbeddedOptions,
): Promise<FoundServer> {
  if (settings.url !== undefined) {
    return {
      ...externalServer(settings.url),
      isOwn: false,
      pid: undefined,
      close: async () => {},
    };
  }
  const embedded = await openEmbedded(settings, options);
  return {
    connection: embedded.connection,
    place: String(embedded.connection.host),
    isOwn: true,
    get pid() {
      return embedded.pid;
    },
    close: () => embedded.close(),
  };
}

async function requireUsable(
  server: FoundServer,
  patienceMs: number,
  { log, stopping }: EmbeddedOptions,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 1000)) {
    try {
      await requireVersion(server);
      return;
    } catch (error) {
      if (error instanceof DatabaseError) {
        throw error;
      }
      if (!isPassing(error) || Date.now() + delayMs > deadline) {
        throw connectFailure(error, server);
      }
      log.warn({ place: server.place, err: error }, 'database not reachable yet');
      await wait(delayMs, undefined, { signal: stopping });
    }
  }
}

async function requireVersion(server: FoundServer): Promise<void> {
  const client = new Client({ ...server.connection, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
    const version = Math.floor(Number(rows[0]?.server_version_num) / 10_000);
    if (version < oldestVersion) {
      throw new DatabaseError(
        'database.version',
        `the database at ${server.place} is PostgreSQL ${version}: the hub needs ${oldestVersion} or newer`,
      );
    }
  } finally {
    await client.end().catch(() => {});
  }
}
