// A word arrives; an empty folder of that name leaves, and is gone again when its owner or the process ends.

import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

const folders = new Set<string>();
process.once('exit', removeAll);
/** `phlix-<word>-<process id>-<six characters of mkdtemp>`: whose it is can be told when that process is gone. */
const namePattern = /^phlix-[a-z-]+-(\d+)-\w{6}$/;

/** Passable by others (0755), because a hub that is root runs its database as another user. */
export function temporaryFolder(word: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `phlix-${word}-${process.pid}-`));
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

/** Those of processes that have no more use for them: nobody tidies up behind a process that is killed. */
export function removeLeftovers(isDone: (pid: string) => boolean): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = namePattern.exec(name)?.[1];
    if (owner === undefined || !isDone(owner)) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 3 });
  }
}

function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
}
