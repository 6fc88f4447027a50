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
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DatabaseError } from './database-error.ts';
import type { DatabaseFolders } from './embedded-folders.ts';
import { type DatabasePrograms, renameUnlessThere } from './embedded-programs.ts';

/** The one role of the hub's own database, and its only user. */
export const databaseRole = 'phlix_hub';

const run = promisify(execFile);

/** @throws DatabaseError database.version | database.failed */
export async function prepareCluster(
  folders: DatabaseFolders,
  programs: DatabasePrograms,
): Promise<void> {
  if (!existsSync(folders.data)) {
    await initialise(folders, programs);
  }
  requireVersion(folders, programs);
  writeAccessRules(folders);
}

/** Made beside its place and moved there whole: an interrupted first start leaves nothing that looks like a database. */
async function initialise(folders: DatabaseFolders, programs: DatabasePrograms): Promise<void> {
  const { account } = folders;
  const fresh = `${folders.data}.${process.pid}`;
  mkdirSync(fresh, { mode: 0o700 });
  if (account.isOwn) {
    chownSync(fresh, account.initdbUid, account.gid);
  }
  const credentials = account.isOwn ? { uid: account.initdbUid, gid: account.gid } : {};
  const options = [`--pgdata=${fresh}`, `--username=${databaseRole}`, '--auth=reject'];
  const locale = ['--encoding=UTF8', '--locale=C', '--no-instructions'];
  try {
    await run(programs.initdb, [...options, ...locale], { ...credentials, env: { LC_ALL: 'C' } });
    if (account.isOwn) {
      giveTree(fresh, account.uid, account.gid);
    }
    renameUnlessThere(fresh, folders.data);
    syncFolder(folders.root);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw new DatabaseError(
      'database.failed',
      `the hub's own database could not be initialised in ${folders.root}: see the cause, free disk space, and start again`,
      { cause: error },
    );
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
