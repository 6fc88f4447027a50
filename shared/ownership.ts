// A file or folder that was just made arrives; it leaves belonging to whom its folder belongs, so that a command of root's keeps nothing from the program.

import { closeSync, constants, fchownSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Where a program runs as a user of its own, commands are often run as root, and both write the same files. That user may rename
 * whatever lies there at any moment, so what is given away is what `file` holds open, and never what a name leads to by then.
 */
export function leaveToOwner(path: string, file: number): void {
  const owner = ownerOf(path);
  if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
}

/** @throws NodeJS.ErrnoException: something else has taken its name */
export function leaveFolderToOwner(path: string): void {
  const owner = ownerOf(path);
  if (owner === undefined) return;
  const folder = openSync(path, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    fchownSync(folder, owner.uid, owner.gid);
  } finally {
    closeSync(folder);
  }
}

/** A flag for opening a file: in another user's folder root follows no link of his. Administrators' own links are followed. */
export function unledFlag(path: string): number {
  return ownerOf(path) === undefined ? 0 : constants.O_NOFOLLOW;
}

/** Undefined: nothing is to be given away. */
function ownerOf(path: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(dirname(path));
  return uid === 0 ? undefined : { uid, gid };
}
