// Empty folders arrive; a folder that PostgreSQL can start on leaves: initialised once, with access rules written at every start.

import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DatabaseError } from './database-error.ts';
import type { DatabaseFolders } from './embedded-folders.ts';
import type { DatabasePrograms } from './embedded-programs.ts';
import { remove, renameUnlessThere, unfinishedPath } from './unfinished.ts';

/** The one role of the hub's own database, and its only user. */
export const databaseRole = 'phlix_hub';

const run = promisify(execFile);

/** @throws DatabaseError database.version | database.failed, or the reason of `stopping` */
export async function prepareCluster(
  folders: DatabaseFolders,
  programs: DatabasePrograms,
  stopping?: AbortSignal,
): Promise<void> {
  if (!existsSync(folders.data)) {
    await initialise(folders, programs, stopping);
  }
  requireVersion(folders, programs);
  writeAccessRules(folders);
}

/** Made beside its place and moved there whole: an interrupted first start leaves nothing that looks like a database. */
async function initialise(
  folders: DatabaseFolders,
  programs: DatabasePrograms,
  stopping: AbortSignal | undefined,
): Promise<void> {
  const { account } = folders;
  const fresh = unfinishedPath(folders.data);
  const options = [`--pgdata=${fresh}`, `--username=${databaseRole}`, '--auth=reject'];
  const locale = ['--encoding=UTF8', '--locale=C', '--no-instructions'];
  try {
    mkdirSync(fresh, { mode: 0o700 });
    if (account.isOwn) chownSync(fresh, account.initdbUid, account.gid);
    await runWhole(programs.initdb, [...options, ...locale], {
      ...(account.isOwn && { uid: account.initdbUid, gid: account.gid }),
      ...(stopping !== undefined && { signal: stopping }),
    });
    if (account.isOwn) {
      giveTree(fresh, account.uid, account.gid);
    }
    renameUnlessThere(fresh, folders.data);
    syncFolder(folders.root);
  } catch (error) {
    remove(fresh);
    stopping?.throwIfAborted();
    throw new DatabaseError(
      'database.failed',
      `the hub's own database could not be initialised in ${folders.root}: see the cause, free disk space, and start again`,
      { cause: error },
    );
  }
}

/** Settles when the program has ended, with all that it started; it does not outlive this process either. */
async function runWhole(
  program: string,
  words: readonly string[],
  options: { uid?: number; gid?: number; signal?: AbortSignal },
): Promise<void> {
  const running = run(program, words, { ...options, env: { LC_ALL: 'C' } });
  const { child } = running;
  const closed = new Promise((resolve) => {
    child.once('close', resolve);
  });
  const end = (): unknown => child.kill();
  process.once('exit', end);
  try {
    await running;
  } catch (error) {
    await closed;
    throw error;
  } finally {
    process.off('exit', end);
  }
}

function giveTree(path: string, uid: number, gid: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    chownSync(join(entry.parentPath, entry.name), uid, gid);
  }
  chownSync(path, uid, gid);
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function requireVersion(folders: DatabaseFolders, programs: DatabasePrograms): void {
  const found = Number(readFileSync(join(folders.data, 'PG_VERSION'), 'utf8'));
  if (found !== programs.majorVersion) {
    throw new DatabaseError(
      'database.version',
      `${folders.data} was written by PostgreSQL ${found}, this hub brings PostgreSQL ${programs.majorVersion}: start the hub version that wrote it, or move the folder away to begin with an empty one`,
    );
  }
}

/** Peer authentication: the kernel says which OS user stands behind the socket, so there is no password to lose. */
function writeAccessRules(folders: DatabaseFolders): void {
  replaceFile(folders, 'pg_hba.conf', 'local all all peer map=hub\n');
  replaceFile(folders, 'pg_ident.conf', `hub "${folders.account.client}" ${databaseRole}\n`);
}

function replaceFile(folders: DatabaseFolders, name: string, text: string): void {
  const path = join(folders.data, name);
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  if (folders.account.isOwn) {
    chownSync(fresh, folders.account.uid, folders.account.gid);
  }
  renameSync(fresh, path);
}
