// The lockfile arrives; which packages a running hub or agent needs leaves, and which of them would run a program of their own at their installation.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface LockedPackage extends Locked {
  readonly name: string;
  /** `node_modules/pg`. */
  readonly path: string;
}

export interface Manifest {
  readonly version: string;
  /** `name@version`: whether its scripts run. */
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

export async function lockedPackages(root: string): Promise<LockedPackage[]> {
  const lockfile = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  return Object.entries(lockfile.packages)
    .filter(([path]) => path !== '')
    .map(([path, locked]) => ({ ...locked, path, name: nameIn(path) }))
    .toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

/** What `npm ci --omit=dev` installs. */
export function neededAtRunTime({ dev, devOptional }: LockedPackage): boolean {
  return dev !== true && devOptional !== true;
}

export async function readManifest(root: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
