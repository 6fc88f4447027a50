// A folder and somebody who fills one arrive; the folder leaves with what he put into it, and nothing of what was there before.

import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * It is filled in `workshop`, on the same disk, and takes its place at the end: programs that run from the former one miss nothing
 * meanwhile, and what fails changes nothing.
 */
export async function madeAnew(
  folder: string,
  workshop: string,
  fill: (fresh: string) => Promise<void>,
): Promise<void> {
  const fresh = join(workshop, `fresh-${process.pid}`);
  const former = join(workshop, `former-${process.pid}`);
  try {
    await mkdir(fresh, { recursive: true });
    await fill(fresh);
    await rename(folder, former).catch(unlessMissing);
    await rename(fresh, folder);
  } finally {
    for (const left of [fresh, former]) await rm(left, { recursive: true, force: true });
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
