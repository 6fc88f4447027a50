// Where things lie in an archive: the names that are written and the ones that are read, in one place.

export const fileFolder = 'files/';
export const manifestName = 'manifest.json';

/** In memory at a time; a hub of a few hundred servers fits into one. */
export const maxPartBytes = 1024 * 1024;
/** A few hundred bytes for each table and file, of which there are some hundreds at most. */
export const maxManifestBytes = 4 * 1024 * 1024;

export function tablePath(table: string): string {
  return `database/${table}.copy`;
}

/** `database/servers.copy.00000`: `cat database/servers.copy.*` puts them together again. */
export function partName(path: string, number: number): string {
  return `${path}.${String(number).padStart(5, '0')}`;
}

/** Undefined: no name that `partName` gives. */
export function parsePartName(name: string): { path: string; number: number } | undefined {
  const match = /^((?:database|files)\/[\w./-]+)\.(\d{5,9})$/.exec(name);
  if (match === null || name.split('/').includes('..')) return undefined;
  return { path: match[1] ?? '', number: Number(match[2]) };
}
