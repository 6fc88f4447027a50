// A folder that is yet to be made arrives; it leaves whole, or not at all: made under a name of its own beside its place, and moved there.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Removes what processes that are gone had begun and not finished, and answers where this process makes its own. */
export function unfinishedPath(path: string): string {
  const [folder, prefix] = [dirname(path), `${basename(path)}.`];
  for (const name of readdirSync(folder)) {
    const owner = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d+$/.test(owner) && !isAnother(Number(owner))) remove(join(folder, name));
  }
  return `${path}.${process.pid}`;
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

/** One of our own number is gone as well: in a container every hub has the same. */
function isAnother(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
