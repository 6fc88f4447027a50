// Files of a backup arrive; they wait beside their places until the database is committed, and then take them, also where the process was killed in between.

import {
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { leaveFolderToOwner, leaveToOwner } from '../../shared/ownership.ts';
import { BackupError, damaged, storageFailure } from './backup-error.ts';
import { isKeptName } from './kept-files.ts';
import { syncFolder } from './private-file.ts';

export class StagedFiles {
  readonly #folder: string;
  #file: { readonly path: string; readonly handle: FileHandle } | undefined;

  /** `id`: by which the database will know whether the restore that they belong to was committed. */
  static async open(dataDir: string, id: string): Promise<StagedFiles> {
    const folder = stagingFolder(dataDir, id);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      leaveFolderToOwner(folder);
    } catch (error) {
      throw storageFailure(folder, error);
    }
    return new StagedFiles(folder);
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Parts of one file arrive behind each other. @throws BackupError */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    if (!isKeptName(path))
      throw new BackupError('backup.damaged', damaged(`no file of a hub is called ${path}`));
    try {
      if (this.#file?.path !== path) {
        await this.#end();
        this.#file = { path, handle: await this.#create(path) };
      }
      await this.#file.handle.writeFile(bytes);
    } catch (error) {
      throw storageFailure(join(this.#folder, path), error);
    }
  }

  /** All of them are on the disk. */
  async finish(): Promise<void> {
    await this.#end();
    await syncFolder(this.#folder);
  }

  async drop(name: string): Promise<void> {
    await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  async read(name: string): Promise<string | undefined> {
    return readFile(join(this.#folder, name), 'utf8').catch(() => undefined);
  }

  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  async abandon(): Promise<void> {
    await this.#file?.handle.close().catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #create(path: string): Promise<FileHandle> {
    const place = join(this.#folder, path);
    const folder = dirname(place);
    if (folder !== this.#folder) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      leaveFolderToOwner(folder);
    }
    const handle = await open(place, 'wx', 0o600);
    leaveToOwner(place, handle.fd);
    return handle;
  }

  async #end(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.sync();
    await file?.handle.close();
  }
}

/** Whether files of a restore wait in this folder: those of one that runs, or of one that was killed. */
export async function hasStagedFiles(dataDir: string): Promise<boolean> {
  return (await listStaged(dataDir)).length > 0;
}

/**
 * Those of the committed restore take their places, what stood there goes aside; all others are removed. May be repeated,
 * wherever it broke off. Returns where the former files are now, if there were any.
 */
export async function settleStaged(
  dataDir: string,
  committedId: string | undefined,
): Promise<string | undefined> {
  const found = await listStaged(dataDir);
  // With a database elsewhere the folder itself may not be there yet.
  if (found.length === 0) return undefined;
  let aside: string | undefined;
  for (const id of found) {
    if (id === committedId) aside = await settle(dataDir, id);
    await rm(stagingFolder(dataDir, id), { recursive: true, force: true });
  }
  await syncFolder(dataDir);
  return aside;
}

async function settle(dataDir: string, id: string): Promise<string | undefined> {
  const staging = stagingFolder(dataDir, id);
  const aside = join(dataDir, `before-restore-${id}`);
  let isUsed = false;
  for (const name of await readdir(staging)) {
    const [from, to] = [join(staging, name), join(dataDir, name)];
    if (await isSame(from, to)) continue;
    if (await isThere(to)) {
      await mkdir(aside, { recursive: true, mode: 0o700 });
      leaveFolderToOwner(aside);
      await rename(to, join(aside, name));
      await syncFolder(aside);
      isUsed = true;
    }
    await moved(from, to);
  }
  return isUsed ? aside : undefined;
}

/** The audit log may lie on a disk of its own. */
async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await cp(from, to, { recursive: true, preserveTimestamps: true });
  }
}

/** Files with the same bytes, or folders of such files. */
async function isSame(one: string, other: string): Promise<boolean> {
  try {
    if (!(await lstat(one)).isDirectory())
      return (await readFile(one)).equals(await readFile(other));
    const names = await readdir(one);
    const isAsMany = names.length === (await readdir(other)).length;
    const same = names.map(async (name) => isSame(join(one, name), join(other, name)));
    return isAsMany && (await Promise.all(same)).every(Boolean);
  } catch {
    return false;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

const stagingPattern = /^restoring-([\w-]+)$/;

async function listStaged(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  return names.flatMap((name) => stagingPattern.exec(name)?.[1] ?? []);
}

function stagingFolder(dataDir: string, id: string): string {
  return join(dataDir, `restoring-${id}`);
}
