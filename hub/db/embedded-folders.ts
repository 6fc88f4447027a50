// HUB_DATA_DIR arrives; the folders of the hub's own database leave, made, owned and closed to everybody else (security row E-09).

import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseError } from './database-error.ts';
import { type Account, databaseAccount, type DatabaseAccount } from './embedded-account.ts';

export interface DatabaseFolders {
  readonly account: DatabaseAccount;
  /** Holds the rest. Made by `makeFolders`. */
  readonly root: string;
  /** PostgreSQL's own folder (PGDATA). */
  readonly data: string;
  /** Copies of its programs, one folder per version. */
  readonly programs: string;
  /** Of the Unix socket. */
  readonly socket: string;
}

/** sockaddr_un holds 107 bytes; PostgreSQL appends `/.s.PGSQL.5432.lock`. */
const maxSocketFolderBytes = 107 - '/.s.PGSQL.5432.lock'.length;
/** Where a root hub keeps its database when the database's user cannot reach HUB_DATA_DIR. */
const systemFolder = '/var/lib/phlix-hub';

/** Decides where everything lives; makes nothing but HUB_DATA_DIR itself. */
export function databaseFolders(settings: {
  dataDir: string;
  systemFolder?: string;
}): DatabaseFolders {
  const home = makeHome(settings.dataDir);
  const inside = join(home, 'database');
  const outside = join(settings.systemFolder ?? systemFolder, fingerprint(home));
  const account = databaseAccount(join(inside, 'data'));
  const root = !account.isOwn || isReachable(dirname(home), account) ? inside : outside;
  return {
    account: root === inside ? account : databaseAccount(join(root, 'data')),
    root,
    data: join(root, 'data'),
    programs: join(root, 'programs'),
    socket: socketFolder(root, home, account),
  };
}

/**
 * Makes the folders with the modes they need, and mends the modes of those that exist.
 * @throws DatabaseError database.folder
 */
export function makeFolders(folders: DatabaseFolders): void {
  const { account } = folders;
  if (account.isOwn) {
    makePassage(dirname(folders.root), account);
    makePassage(folders.root, account);
  } else {
    makeClosed(folders.root, account);
  }
  makeOpen(folders.programs);
  makeClosed(folders.socket, account);
}

function makeHome(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    return realpathSync(dataDir);
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

/** Nothing in it is secret. */
function makeOpen(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    chmodSync(path, 0o755);
  } catch (error) {
    // A file lies where a folder should be, most likely.
    throw unusable(path, error);
  }
}

/** A folder of the database's user alone. In a shared place such as /tmp a stranger may have made it first. */
function makeClosed(path: string, account: DatabaseAccount): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    if (account.isOwn) {
      chownSync(path, account.uid, account.gid);
    }
  } catch (error) {
    requireMade(path, error);
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== account.uid) {
    throw new DatabaseError(
      'database.folder',
      `${path} belongs to uid ${found.uid}, not to the database's uid ${account.uid}: start the hub as the user it was first started as, or move the folder away`,
    );
  }
  chmodSync(path, 0o700);
}

/** A folder of root that the database's group, and nobody else, may pass through but not list. */
function makePassage(path: string, account: Account): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    requireMade(path, error);
  }
  if (!canPass(statSync(path), account)) {
    chownSync(path, 0, account.gid);
    chmodSync(path, 0o710);
  }
}

function requireMade(path: string, error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') {
    throw unusable(path, error);
  }
}

/** Why a folder of the hub is of no use to it. */
export function unusable(path: string, error: unknown): DatabaseError {
  return new DatabaseError(
    'database.folder',
    `${path} cannot be used (${errnoOf(error)}): run this as the user that the hub runs as, or set HUB_DATA_DIR to a folder that this user may write`,
    { cause: error },
  );
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** Whether `account` may pass through this folder and all above it. */
function isReachable(folder: string, account: Account): boolean {
  const parent = dirname(folder);
  return canPass(statSync(folder), account) && (parent === folder || isReachable(parent, account));
}

function canPass(folder: Stats, account: Account): boolean {
  if (folder.uid === account.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === account.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
}

function socketFolder(root: string, home: string, account: DatabaseAccount): string {
  const inside = join(root, 'run');
  if (Buffer.byteLength(inside) <= maxSocketFolderBytes) {
    return inside;
  }
  const shared = account.isOwn ? '/run' : (process.env['XDG_RUNTIME_DIR'] ?? tmpdir());
  return join(shared, `phlix-hub-${fingerprint(home)}`);
}

/** Twelve hexadecimal digits: short for sockets, and two folders of one machine never share them. */
function fingerprint(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}
