// Bytes and the name of a file arrive; the file leaves whole, on the disk and closed to other users, or it is not there at all.

import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { leaveFolderToOwner, leaveToOwner } from '../../shared/ownership.ts';
import { BackupError, storageFailure } from './backup-error.ts';

/** @throws BackupError backup.exists | backup.storage, and what the bytes throw */
export async function writeWhole(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ size: number }> {
  const folder = dirname(path);
  const draft = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}${draftEnding}`);
  await stored(folder, async () => makeFolder(folder));
  try {
    const size = await writeDraft(draft, bytes);
    await stored(path, async () => publish(draft, path));
    return { size };
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Drafts of writers that were killed; those of living ones are younger. */
export async function sweepDrafts(folder: string, now: Date): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.startsWith('.') && one.endsWith(draftEnding))) {
    const path = join(folder, name);
    const writtenAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    if (now.getTime() - writtenAt > draftPatienceMs) await rm(path, { force: true });
  }
}

/** What was renamed in it stays so after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const draftEnding = '.part';
/** A backup is written to without a pause; a disk that takes nothing for an hour takes nothing. */
const draftPatienceMs = 3_600_000;

async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) leaveFolderToOwner(made);
}

async function writeDraft(draft: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await stored(draft, async () => open(draft, 'wx', 0o600));
  let size = 0;
  try {
    leaveToOwner(draft, file.fd);
    for await (const piece of bytes) {
      await stored(draft, async () => writeAll(file, piece));
      size += piece.length;
    }
    await stored(draft, async () => file.sync());
  } finally {
    await file.close();
  }
  return size;
}

async function writeAll(
  file: { write(bytes: Uint8Array): Promise<{ bytesWritten: number }> },
  bytes: Uint8Array,
): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    const { bytesWritten } = await file.write(rest);
    rest = rest.subarray(bytesWritten);
  }
}

/** A link never takes another file's place; disks that know none (FAT, some shares) get a rename, after a look. */
async function publish(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
    await unlink(draft);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw exists(path);
    if (await isThere(path)) throw exists(path);
    await rename(draft, path);
  }
  await syncFolder(dirname(path));
}

function exists(path: string): BackupError {
  return new BackupError(
    'backup.exists',
    `${path} is there already: give another name, or move it away.`,
  );
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function stored<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof BackupError ? error : storageFailure(path, error);
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
