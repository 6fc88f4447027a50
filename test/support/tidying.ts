// The end of a run of vitest arrives; the folders that its workers left behind leave.

import { readFileSync } from 'node:fs';

import { removeLeftovers } from './temporary-folder.ts';

/** vitest calls it once, after the last test. It kills its workers, so they cannot do it; a hub's data is 100 MB. */
export function teardown(): void {
  removeLeftovers((pid) => {
    const parent = parentOf(pid);
    return parent === undefined || parent === process.pid;
  });
}

/** Undefined when there is no such process any more. */
function parentOf(pid: string): number | undefined {
  try {
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(parent);
  } catch {
    return undefined;
  }
}
