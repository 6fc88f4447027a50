// A folder arrives; whether its disk has room leaves.

import { statfs } from 'node:fs/promises';

import { ok, warning, failure, type Verdict } from './finding.ts';

const mebibyte = 1024 * 1024;

export interface DiskNeeds {
  readonly warnBytes: number;
  readonly failBytes: number;
  /** What stops when there is none left. */
  readonly otherwise: string;
  readonly look?: DiskLook;
}

/** As statfs of node:fs/promises. */
export type DiskLook = (folder: string) => Promise<Disk>;

interface Disk {
  readonly bsize: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

/** Inodes run out as bytes do. Some file systems (btrfs) count none, and have as many as fit. */
const leastFiles = 1000;

export async function diskVerdict(
  folder: string,
  { warnBytes, failBytes, otherwise, look = statfs }: DiskNeeds,
): Promise<Verdict> {
  const { bsize, bavail, files, ffree } = await look(folder);
  const free = bsize * bavail;
  const message = `The disk of ${folder} has ${Math.floor(free / mebibyte)} MiB left`;
  const remedy = `Make room on it, or move the folder to a larger disk: ${otherwise}.`;
  if (files > 0 && ffree < leastFiles)
    return failure(`${message}, but room for ${ffree} files only.`, remedy);
  if (free < failBytes) return failure(`${message}.`, remedy);
  return free < warnBytes ? warning(`${message}.`, remedy) : ok(`${message}.`);
}
