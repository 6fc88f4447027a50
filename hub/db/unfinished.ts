// A folder that is yet to be made arrives; it leaves whole, or not at all: made under a name of its own beside its place, and moved there.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** In a name that nobody gives a folder which he puts aside, such as `data.20261123`. */
const mark = '.making-';

/**
 * Whoever makes one is done in seconds, on a slow disk in a minute. Nobody is asked whether he lives: in containers on one volume
 * all have the same number.
 */
const abandonedMs = 10 * 60_000;

/** Removes what was begun and given up, and answers where this process makes its own. */
export function unfinishedPath(path: string): string {
  const [folder, prefix] = [dirname(path), `${basename(path)}${mark}`];
  for (const name of readdirSync(folder))
    if (name.startsWith(prefix) && isAbandoned(join(folder, name))) remove(join(folder, name));
  return join(folder, `${prefix}${randomBytes(4).toString('hex')}`);
}

/** Another process may have been faster; then its folder is as good as ours. */
export function renameUnlessThere(fresh: string, path: string): void {
  try {
    renameSync(fresh, path);
  } catch (error) {
    remove(fresh);
    if (!existsSync(path)) {
      throw error;
    }
  }
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

function isAbandoned(path: string): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return changed !== undefined && Date.now() - changed > abandonedMs;
}
