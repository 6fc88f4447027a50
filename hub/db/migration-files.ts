// The folder of migrations arrives; each leaves with its number, its text and what it makes, in the order in which they are applied.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MigrationFile {
  /** Milliseconds since 1970: the number by which databases remember it. */
  readonly at: number;
  readonly name: string;
  readonly sql: string;
  readonly hash: string;
}

export const migrationsFolder = join(import.meta.dirname, 'migrations');

export function readMigrations(folder = migrationsFolder): MigrationFile[] {
  const journal: { entries: { when: number; tag: string }[] } = JSON.parse(
    readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'),
  );
  return journal.entries
    .map(({ when, tag }) => {
      const sql = readFileSync(join(folder, `${tag}.sql`), 'utf8');
      return { at: when, name: tag, sql, hash: createHash('sha256').update(sql).digest('hex') };
    })
    .toSorted((a, b) => a.at - b.at);
}

/** Tables and sequences that are ours: a database may hold those of other programs too. */
export function namesMadeBy(files: readonly MigrationFile[]): {
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
} {
  const text = files.map(({ sql }) => sql).join('\n');
  const named = (kind: string): string[] => [
    ...new Set(
      [...text.matchAll(new RegExp(`^CREATE ${kind} (\\w+)`, 'gm'))].map(([, name = '']) => name),
    ),
  ];
  return { tables: named('TABLE'), sequences: named('SEQUENCE') };
}

/** Every table, column, index and constraint that all of them together make, one on a line. */
export function readSchema(folder = migrationsFolder): string[] {
  return readFileSync(join(folder, 'meta', 'schema.txt'), 'utf8')
    .trim()
    .split('\n');
}
