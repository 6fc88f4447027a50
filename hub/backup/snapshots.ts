// The data folder arrives; the states of the database that were kept before something was done to it leave, youngest first, and the key that opens them.

import { access, mkdir, open, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { leaveToOwner } from '../../shared/ownership.ts';
import { parseStamp, stampOf } from './backup-folder.ts';
import { BackupError, storageFailure } from './backup-error.ts';
import type { Keys, Lock } from './encryption.ts';

/** What was about to be done. */
export type SnapshotReason = 'migration' | 'restore' | 'rollback';

export interface Snapshot {
  /** Its name without folder and ending: what a person says to mean it. */
  readonly id: string;
  readonly path: string;
  readonly at: Date;
  readonly reason: SnapshotReason;
}

const namePattern = /^((\w+)-(migration|restore|rollback))\.tar\.age$/;

export function snapshotPath(dataDir: string, at: Date, reason: SnapshotReason): string {
  return join(folderOf(dataDir), `${stampOf(at)}-${reason}.tar.age`);
}

/**
 * Where nothing is yet. Names count in seconds, and a start that was killed may be followed by the next one within the same:
 * that one's name is a second later.
 */
export async function freeSnapshotPath(
  dataDir: string,
  at: Date,
  reason: SnapshotReason,
): Promise<string> {
  const path = snapshotPath(dataDir, at, reason);
  const isTaken = await access(path).then(
    () => true,
    () => false,
  );
  return isTaken ? freeSnapshotPath(dataDir, new Date(at.getTime() + 1000), reason) : path;
}

export async function listSnapshots(dataDir: string): Promise<Snapshot[]> {
  const folder = folderOf(dataDir);
  const names = await readdir(folder).catch(() => []);
  const found = names.flatMap((name) => {
    const [, id = '', stamp = '', reason] = namePattern.exec(name) ?? [];
    const at = parseStamp(stamp);
    if (at === undefined || !isReason(reason)) return [];
    return [{ id, path: join(folder, name), at, reason }];
  });
  return found.toSorted((a, b) => b.at.getTime() - a.at.getTime());
}

/** The youngest stay, as many as said, and `spared`: the file that somebody is about to read. */
export async function pruneSnapshots(
  dataDir: string,
  count: number,
  spared?: string,
): Promise<void> {
  const kept = spared === undefined ? undefined : await placeOf(spared);
  for (const { path } of (await listSnapshots(dataDir)).slice(count))
    if ((await placeOf(path)) !== kept) await rm(path, { force: true });
}

/** One file may have several names. */
async function placeOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/**
 * A key of this folder's own: a copy of the snapshots alone opens nothing, and no person has to give a passphrase before a hub
 * can start in a new version.
 * @throws BackupError backup.storage
 */
export async function snapshotLock(dataDir: string): Promise<Lock> {
  const path = keyPath(dataDir);
  const identity = (await readIdentity(path)) ?? (await makeIdentity(dataDir, path));
  const { recipientOf } = await import('./encryption.ts');
  return { kind: 'recipients', recipients: [await recipientOf(identity)] };
}

/** @throws BackupError backup.no-key: it was lost */
export async function snapshotKeys(dataDir: string): Promise<Keys> {
  const path = keyPath(dataDir);
  const identity = await readIdentity(path);
  if (identity !== undefined) return { identities: [identity], passphrases: [] };
  throw new BackupError(
    'backup.no-key',
    `${path} is missing or damaged, and snapshots open with it alone: restore a backup instead.`,
  );
}

async function makeIdentity(dataDir: string, path: string): Promise<string> {
  const { newIdentity } = await import('./encryption.ts');
  const { identity } = await newIdentity();
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      leaveToOwner(path, file.fd);
      await file.writeFile(`# Opens the snapshots beside it.\n${identity}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return identity;
  } catch (error) {
    // Another process was quicker.
    const other = await readIdentity(path);
    if (other !== undefined) return other;
    throw storageFailure(path, error);
  }
}

async function readIdentity(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const { parseIdentities } = await import('./encryption.ts');
  return parseIdentities(text)?.[0];
}

function folderOf(dataDir: string): string {
  return join(dataDir, 'snapshots');
}

function keyPath(dataDir: string): string {
  return join(dataDir, 'snapshot.key');
}

function isReason(text: string | undefined): text is SnapshotReason {
  return text === 'migration' || text === 'restore' || text === 'rollback';
}
