// The data folder and its user arrive; a folder leaves that is that user's and closed to everybody else, or the reason why it cannot be (security row E-09).

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { SettingsError } from '../../shared/settings/settings.ts';
import { DatabaseError } from '../db/database-error.ts';
import type { Account } from '../db/embedded-account.ts';
import { databaseFolders, unusable as unreachable } from '../db/embedded-folders.ts';
import { findPostmaster } from '../db/postmaster.ts';

export interface DataFolder {
  readonly dataDir: string;
  /** Whether the hub keeps a database of its own in it. */
  readonly hasDatabase: boolean;
}

/**
 * Of root, for the user that the hub becomes: made if it is not there, and given to him with all that is in it if it was root's,
 * as after a first start without HUB_USER.
 * @throws SettingsError HUB_DATA_DIR, DatabaseError database.in-use
 */
export function giveDataFolder({ dataDir, hasDatabase }: DataFolder, user: Account): void {
  if (!existsSync(dataDir)) makeFolder(dataDir);
  const folder = realpathSync(dataDir);
  const { uid } = statSync(folder);
  if (uid === user.uid) return;
  if (uid !== 0)
    throw unusable(`${folder} belongs to uid ${uid}`, `chown -R ${user.uid} ${folder}`);
  requireOurs(folder, user);
  if (hasDatabase) requireDatabaseWithin(folder);
  requireNobody(folder);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    // A link is given, and never what it leads to.
    lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid);
  chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
}

/** Of root: a file outside the data folder that the user goes on writing. One that is not there is made, where only root could. */
export function giveFile(path: string, mode: number, user: Account): void {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  let file: number;
  try {
    file = openSync(path, flags, mode);
  } catch {
    // The hub says it in its own words when it cannot write there.
    return;
  }
  const found = fstatSync(file);
  // A second name of the file would be given away with it.
  if (found.isFile() && found.uid === 0 && found.nlink === 1) fchownSync(file, user.uid, user.gid);
  closeSync(file);
}

/**
 * Of whoever the hub runs as. Returns what was mended.
 * @throws SettingsError HUB_DATA_DIR, DatabaseError database.folder
 */
export function closeDataFolder(dataDir: string): { mode: string } | undefined {
  const found = lookAt(dataDir);
  const uid = process.getuid?.();
  // Windows keeps its access rules elsewhere.
  if (found === undefined || uid === undefined) return undefined;
  const open = found.mode & 0o077;
  // The database of a hub that is root passes through by its group, and sees nothing (hub/db/embedded-folders.ts).
  if (open === 0 || open === 0o010) return undefined;
  if (found.uid === uid) {
    chmodSync(dataDir, found.mode & 0o700);
    return { mode: (found.mode & 0o777).toString(8) };
  }
  // A volume that a container is given is often root's, with the container's group; nobody else is in there with it.
  if ((found.mode & 0o002) === 0) return undefined;
  throw unusable(`${dataDir} can be written by every user of this machine`, `chmod o= ${dataDir}`);
}

/** Undefined: it is not there yet. A folder above it may let nobody pass. */
function lookAt(dataDir: string): Stats | undefined {
  try {
    return statSync(dataDir, { throwIfNoEntry: false });
  } catch (error) {
    throw unreachable(dataDir, error);
  }
}

/** Passable, as /var/lib is; only the last of them is closed. */
function makeFolder(dataDir: string): void {
  const former = process.umask(0o022);
  mkdirSync(dirname(dataDir), { recursive: true });
  process.umask(former);
  mkdirSync(dataDir, { mode: 0o700 });
}

/** What a hub leaves in its folder. Somebody who wrote HUB_DATA_DIR=/etc must not find all of it given away. */
const marks = ['database/data', 'local-ca/ca.pem', 'sealing.key', 'setup-token'];

function requireOurs(folder: string, user: Account): void {
  if (readdirSync(folder).length === 0) return;
  if (marks.some((mark) => existsSync(join(folder, mark)))) return;
  const sentence = `${folder} is root's, and nothing in it says that a hub made it`;
  throw unusable(sentence, `chown -R ${user.uid} ${folder} (if it really is the hub's)`);
}

function requireNobody(folder: string): void {
  const running = findPostmaster(join(folder, 'database', 'data'))?.owner;
  if (running === undefined) return;
  const sentence = `process ${running.pid} runs a hub on ${folder}, as root: stop it before it gets a user of its own`;
  throw new DatabaseError('database.in-use', sentence);
}

/** A hub that was root kept its database elsewhere where the database's user could not reach the folder. */
function requireDatabaseWithin(folder: string): void {
  const { root, data } = databaseFolders({ dataDir: folder });
  const within = join(folder, 'database');
  if (root === within || !existsSync(data)) return;
  throw unusable(`the database of this hub is in ${root}, which is root's`, `mv ${root} ${within}`);
}

function unusable(expected: string, command: string): SettingsError {
  const remedy = `stop the hub, run: ${command}, and start it again`;
  return new SettingsError([{ name: 'HUB_DATA_DIR', expected, remedy }]);
}
