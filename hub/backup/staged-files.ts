// Files of a backup arrive; they wait beside their places until the database is committed, and then take them, also where the process was killed in between.

import { constants } from 'node:fs';
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

import { leaveFolderToOwner, leaveToOwner, unledFlag } from '../../shared/ownership.ts';
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
      isUsed = true;
      const isMoved = await renamed(to, join(aside, name));
      if (!isMoved) await exchangeContents(from, to, join(aside, name));
      await syncFolder(aside);
      if (!isMoved) continue;
    }
    if (!(await renamed(from, to))) await copied(from, to);
  }
  return isUsed ? aside : undefined;
}

/** False: it is on a disk of its own, or is one's root, as where a container mounts the audit log. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['EXDEV', 'EBUSY'].includes(code)) return false;
    throw error;
  }
}

/**
 * Of a folder that cannot be moved itself. What waits in `from` is copied and stays until all of it is in place: so whoever
 * repeats this knows the files that have arrived from those that are to go aside.
 */
export async function exchangeContents(from: string, to: string, aside: string): Promise<void> {
  await mkdir(aside, { recursive: true, mode: 0o700 });
  leaveFolderToOwner(aside);
  for (const name of await readdir(to)) {
    const place = join(to, name);
    if (name.startsWith(arriving)) await rm(place, { recursive: true, force: true });
    else if (!(await isSame(join(from, name), place))) await carried(place, join(aside, name));
  }
  for (const name of await readdir(from)) {
    const draft = join(to, arriving + name);
    if (await isThere(join(to, name))) continue;
    await copied(join(from, name), draft);
    await rename(draft, join(to, name));
  }
  await syncFolder(to);
}

/** No file of a hub begins with it. */
const arriving = '.restoring-';

/** To another disk, whole, before it goes from its own. */
async function carried(from: string, to: string): Promise<void> {
  if (await renamed(from, to)) return;
  await copied(from, to);
  await rm(from, { recursive: true });
}

async function copied(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true });
  await leaveCopy(to);
}

/** A copy is whoever's made it, unlike what is renamed. Whatever is neither file nor folder is nobody's to read. */
async function leaveCopy(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isFile()) {
    const file = await open(path, constants.O_RDONLY | unledFlag(path));
    try {
      leaveToOwner(path, file.fd);
    } finally {
      await file.close();
    }
  } else if (found.isDirectory()) {
    leaveFolderToOwner(path);
    for (const name of await readdir(path)) await leaveCopy(join(path, name));
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
