// A word arrives; an empty folder of that name leaves, and is gone again when its owner or the process ends.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

const folders = new Set<string>();

/** Passable by others (0755), because a hub that is root runs its database as another user. */
export function temporaryFolder(word: string): TemporaryFolder {
  if (folders.size === 0) process.once('exit', removeAll);
  const path = mkdtempSync(join(tmpdir(), `phlix-${word}-`));
  chmodSync(path, 0o755);
  folders.add(path);
  return {
    path,
    remove() {
      folders.delete(path);
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
}
