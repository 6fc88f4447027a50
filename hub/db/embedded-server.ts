// A prepared folder arrives; a running PostgreSQL leaves, watched and started again until it is told to stop.

import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import type { Logger } from 'pino';
import { DatabaseError } from './database-error.ts';
import { databaseRole } from './embedded-cluster.ts';
import type { DatabaseFolders } from './embedded-folders.ts';
import type { DatabasePrograms } from './embedded-programs.ts';
import { findPostmaster, ownerArguments, type Purpose, stopPostmaster } from './postmaster.ts';

/** 0.1 s doubled up to 10 s: a crash costs visitors nothing they notice, a full disk does not fill the log. */
const restartDelayMs = { first: 100, last: 10_000 };
/** A server that lived this long has recovered; its next crash starts the delays afresh. */
const stableAfterMs = 60_000;
/** Replaying the log after a power cut is the slowest start: at most max_wal_size of it. */
const startPatienceMs = 60_000;
/** A session that waits for nothing ends within milliseconds of its server; one amid a long write, when that is done. */
const orphanPatienceMs = 10_000;

/** Named here, not in postgresql.conf, so that an upgrade of the hub changes them. */
const serverSettings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // Durability: what the hub has acknowledged survives a power cut.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  // Small on purpose: names and keys of a few thousand servers fit into 8 MB, and every worker less is memory for streams.
  shared_buffers: '8MB',
  max_connections: '40',
  superuser_reserved_connections: '3',
  max_wal_size: '128MB',
  max_parallel_workers: '0',
  max_logical_replication_workers: '0',
  max_wal_senders: '0',
  wal_level: 'minimal',
  io_method: 'sync',
  autovacuum_max_workers: '1',
  jit: 'off',
  huge_pages: 'off',
  // 64 MB of /dev/shm is all a container gets.
  dynamic_shared_memory_type: 'mmap',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  log_checkpoints: 'off',
  // Statements hold names and hashes; the error alone says enough.
  log_min_error_statement: 'panic',
};

export class EmbeddedServer {
  readonly #folders: DatabaseFolders;
  readonly #programs: DatabasePrograms;
  readonly #purpose: Purpose;
  readonly #log: Logger;
  readonly #lastLines: string[] = [];
  #child: ChildProcess | undefined;
  #isReady = false;
  #isStopping = false;
  #restartTimer: NodeJS.Timeout | undefined;
  #restartDelayMs = restartDelayMs.first;

  constructor(
    folders: DatabaseFolders,
    programs: DatabasePrograms,
    options: { purpose: Purpose; log: Logger },
  ) {
    this.#folders = folders;
    this.#programs = programs;
    this.#purpose = options.purpose;
    this.#log = options.log;
  }

  get connection(): ClientConfig {
    return socketConnection(this.#folders.socket);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it answers queries. @throws DatabaseError database.failed */
  async start(): Promise<void> {
    this.#isReady = false;
    const deadline = Date.now() + orphanPatienceMs;
    let [end, failure] = await this.#attempt();
    while (failure !== undefined && this.#isHeldByOrphans() && Date.now() < deadline) {
      await wait(100);
      if (this.#isStopping) break;
      [end, failure] = await this.#attempt();
    }
    if (failure !== undefined) {
      throw new DatabaseError(
        'database.failed',
        `the hub's own database did not start in ${this.#folders.data}: ${failure}; it said: ${this.#lastLines.join(' | ')}`,
      );
    }
    this.#isReady = true;
    void end.then((reason) => this.#onEnd(reason, Date.now()));
  }

  async #attempt(): Promise<[end: Promise<string>, failure: string | undefined]> {
    this.#lastLines.length = 0;
    const child = this.#spawn();
    const end = ended(child);
    return [end, await Promise.race([end, this.#answered(child)])];
  }

  /** Sessions of a server that was killed end by themselves as soon as they notice; until then the folder counts as theirs. */
  #isHeldByOrphans(): boolean {
    return this.#lastLines.some((line) => line.includes('pre-existing shared memory block'));
  }

  /** Writes a checkpoint and ends the server; nothing acknowledged is lost. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child?.pid !== undefined && !hasEnded(child)) {
      await stopPostmaster(child.pid, () => hasEnded(child));
    }
  }

  /**
   * Asks until it answers. Only a server that holds the folder may be asked: another process's, which was faster, listens
   * at the same socket.
   */
  async #answered(child: ChildProcess): Promise<string | undefined> {
    const deadline = Date.now() + startPatienceMs;
    let reason = 'it does not take the folder';
    while (!hasEnded(child) && Date.now() < deadline) {
      const isHolder = findPostmaster(this.#folders.data)?.pid === child.pid;
      reason = isHolder ? await ask(this.connection) : reason;
      if (reason === answer) {
        return undefined;
      }
      await wait(10);
    }
    return hasEnded(child) ? ended(child) : reason;
  }

  #spawn(): ChildProcess {
    const { account, data, socket } = this.#folders;
    const settings = { ...serverSettings, unix_socket_directories: socket };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = [this.#programs.postgres, '-D', data, ...ownerArguments(this.#purpose)];
    const [command = '', ...rest] = [...deathSignal(), ...server, ...options];
    const child = spawn(command, rest, {
      // A group of its own: Ctrl-C in a terminal must reach the hub first, which still needs its database to drain.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      // Never the hub's environment: it may hold secrets, and settings of another PostgreSQL (PGDATA, PGPORT).
      env: { LC_ALL: 'C', TZ: 'UTC' },
      ...(account.isOwn ? { uid: account.uid, gid: account.gid } : {}),
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.#onLine(line));
    this.#child = child;
    return child;
  }

  #onLine(line: string): void {
    this.#lastLines.push(line);
    this.#lastLines.splice(0, this.#lastLines.length - 5);
    // While it starts, every early question is answered with a FATAL that means "not yet".
    const isWorthReading = this.#isReady && /^(WARNING|ERROR|FATAL|PANIC):/.test(line);
    // Every session is told so that its server stops, which is what was asked for.
    const isFarewell = this.#isStopping && line.startsWith('FATAL:');
    this.#log[isWorthReading && !isFarewell ? 'warn' : 'debug']({ line }, 'database log');
  }

  #onEnd(reason: string, startedAt: number): void {
    if (this.#isStopping) {
      return;
    }
    if (Date.now() - startedAt > stableAfterMs) {
      this.#restartDelayMs = restartDelayMs.first;
    }
    const delayMs = this.#restartDelayMs;
    this.#restartDelayMs = Math.min(delayMs * 2, restartDelayMs.last);
    this.#log.error({ reason, delayMs }, 'database ended unexpectedly, starting it again');
    this.#restartTimer = setTimeout(() => void this.#restart(), delayMs);
  }

  async #restart(): Promise<void> {
    const startedAt = Date.now();
    try {
      await this.start();
      this.#log.info({ tookMs: Date.now() - startedAt }, 'database restarted');
    } catch (error) {
      this.#onEnd(error instanceof Error ? error.message : String(error), startedAt);
    }
  }
}

/** How to reach a server through the socket in this folder. */
export function socketConnection(folder: string): ClientConfig {
  return { host: folder, port: 5432, user: databaseRole, database: 'postgres' };
}

/** SIGINT is PostgreSQL's fast shutdown: if the hub is killed the kernel sends it, and the folder is left clean. */
function deathSignal(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const setpriv = [...folders, '/usr/bin', '/bin']
    .map((folder) => join(folder, 'setpriv'))
    .find(isExecutable);
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'INT', '--'];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resolves with the way the process ended. */
function ended(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve(child.signalCode ?? `exit code ${child.exitCode}`);
  }
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

const answer = 'ready';

/** `answer`, or why there is none. */
async function ask(connection: ClientConfig): Promise<string> {
  const client = new Client({ ...connection, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return answer;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await client.end().catch(() => {});
  }
}
