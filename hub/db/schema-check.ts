// A database arrives; whether everything is in it that the migrations make leaves, or what is missing by its name (demands row D10).

import type { ClientBase } from 'pg';

import { DatabaseError } from './database-error.ts';

/**
 * "Done" in a list of migrations is a claim; this is the look. What is there beside what we know is nobody's business.
 * @throws DatabaseError database.schema
 */
export async function requireSchema(
  client: Pick<ClientBase, 'query'>,
  expected: readonly string[],
): Promise<void> {
  const found = new Set(await schemaOf(client));
  const missing = expected.filter((line) => !found.has(line));
  if (missing.length === 0) return;
  const shown = missing.slice(0, shownLines).map((line) => `"${line}"`);
  const rest = missing.length > shownLines ? ` and ${missing.length - shownLines} more` : '';
  throw new DatabaseError(
    'database.schema',
    `the tables are not those of this version, although their migrations count as done: missing ${shown.join(', ')}${rest}. Somebody has changed them by hand, or a migration was interrupted: put them right, go back with phlix-hub rollback, or restore a backup`,
  );
}

const shownLines = 5;

/** The same text from every version of PostgreSQL that the hub can use. */
export async function schemaOf(client: Pick<ClientBase, 'query'>): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(query);
  return rows.map(({ line }) => line);
}

/** NOT NULL is told of each column: as a constraint with a name only PostgreSQL 18 knows it. */
const query = `
  WITH ours AS (
    SELECT pg_class.oid, relname, relkind FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'S', 'i')
  ), lines AS (
    SELECT 'column ' || relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
      || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS line
    FROM ours JOIN pg_attribute ON attrelid = ours.oid
    WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint ' || relname || '.' || conname
    FROM ours JOIN pg_constraint ON conrelid = ours.oid WHERE contype IN ('c', 'f', 'p', 'u')
    UNION ALL
    SELECT 'index ' || relname FROM ours WHERE relkind = 'i'
    UNION ALL
    SELECT 'sequence ' || relname FROM ours WHERE relkind = 'S'
  )
  SELECT line FROM lines ORDER BY line COLLATE "C"`;
