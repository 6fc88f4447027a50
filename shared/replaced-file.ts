// The name of a small file and its new text arrive; the file leaves with all of it, closed to other users, or as it was.

import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

import { leaveToOwner } from './ownership.ts';

/** Whole or not at all, whoever else writes at the same time. @throws NodeJS.ErrnoException: there is no folder, or no room */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    try {
      leaveToOwner(draft, handle.fd);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
