// HUB_DATA_DIR arrives; a connection to the hub's own PostgreSQL leaves: one already running for this folder, or a child of this process.

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import type { Logger } from 'pino';
import { DatabaseError } from './database-error.ts';
import { prepareCluster } from './embedded-cluster.ts';
import { databaseFolders, type DatabaseFolders, makeFolders } from './embedded-folders.ts';
import { installPrograms } from './embedded-programs.ts';
import { EmbeddedServer, socketConnection } from './embedded-server.ts';
import { unlessStopped } from './interruption.ts';
import { findPostmaster, type Postmaster, type Purpose, stopPostmaster } from './postmaster.ts';

export interface EmbeddedSettings {
  readonly dataDir: string;
  /** Where a root hub goes when HUB_DATA_DIR is out of the database user's reach; tests give another. */
  readonly systemFolder?: string;
}

export interface EmbeddedDatabase {
  readonly connection: ClientConfig;
  /** Of the server started here; undefined when another process runs it. */
  readonly pid: number | undefined;
  /** Ends the server if it was started here. */
  close(): Promise<void>;
}

/** Commands last well under a second; whoever finds one at work waits for it. */
const commandPatienceMs = 20_000;

export interface EmbeddedOptions {
  readonly purpose: Purpose;
  readonly log: Logger;
  /** Nobody waits for it any more: what was begun is ended. */
  readonly stopping?: AbortSignal | undefined;
}

/**
 * A hub starts the server and keeps it running; a command joins the hub's, or starts one for as long as it works.
 * @throws DatabaseError database.in-use | database.folder | database.version | database.failed | database.unsupported-platform
 */
export async function openEmbedded(
  settings: EmbeddedSettings,
  options: EmbeddedOptions,
): Promise<EmbeddedDatabase> {
  const folders = databaseFolders(settings);
  const deadline = Date.now() + commandPatienceMs;
  for (;;) {
    const running = await findLiving(folders, options.log);
    if (running?.owner.purpose === 'hub' && options.purpose === 'command') {
      return {
        connection: socketConnection(running.socketFolder),
        pid: undefined,
        close: async () => {},
      };
    }
    if (running?.owner.purpose === 'hub' || (running !== undefined && Date.now() > deadline)) {
      throw inUse(folders, `process ${running.owner.pid}`);
    }
    if (running === undefined) {
      const started = await startUnlessBeaten(folders, options);
      if (started !== undefined) {
        return started;
      }
    }
    await wait(25, undefined, { signal: options.stopping });
  }
}

/** A postmaster whose starter lives. An orphan is stopped here: nobody will ever ask it anything. */
async function findLiving(
  folders: DatabaseFolders,
  log: Logger,
): Promise<(Postmaster & { owner: object }) | undefined> {
  const found = findPostmaster(folders.data);
  if (found === undefined) {
    return undefined;
  }
  const { owner, pid } = found;
  if (owner !== undefined) {
    return { ...found, owner };
  }
  log.warn({ serverPid: pid }, 'stopping the database that a former hub left behind');
  await stopPostmaster(pid, () => findPostmaster(folders.data)?.pid !== pid);
  return undefined;
}

/** undefined: another process was faster; PostgreSQL's own lock on the folder decided. */
async function startUnlessBeaten(
  folders: DatabaseFolders,
  options: EmbeddedOptions,
): Promise<EmbeddedDatabase | undefined> {
  makeFolders(folders);
  await requireSilence(folders);
  const programs = installPrograms(folders.programs);
  await prepareCluster(folders, programs, options.stopping);
  const server = new EmbeddedServer(folders, programs, options);
  try {
    await unlessStopped(server.start(), options.stopping);
  } catch (error) {
    await server.stop();
    if (findPostmaster(folders.data)?.owner !== undefined) {
      return undefined;
    }
    throw error;
  }
  options.log.info({ folder: folders.data, serverPid: server.pid }, 'database started');
  return {
    connection: server.connection,
    get pid() {
      return server.pid;
    },
    close: () => server.stop(),
  };
}

/** A server in another container that shares this folder has no process here, but its socket answers. */
async function requireSilence(folders: DatabaseFolders): Promise<void> {
  const socket = connect(join(folders.socket, '.s.PGSQL.5432'));
  try {
    await once(socket, 'connect');
  } catch {
    return;
  } finally {
    socket.destroy();
  }
  if (findPostmaster(folders.data) === undefined) {
    throw inUse(folders, 'a process of another container');
  }
}

function inUse(folders: DatabaseFolders, who: string): DatabaseError {
  return new DatabaseError(
    'database.in-use',
    `${who} already runs a hub on ${folders.root}: stop that hub, or give this one a HUB_DATA_DIR of its own`,
  );
}
