// The place where the last page of a list ended leaves as an opaque word; the word comes back and the place leaves (cursor pagination).

import { Buffer } from 'node:buffer';

import { z } from '@hono/zod-openapi';

import { ApiError } from '../problem/api-error.ts';

/** A screen shows twenty rows; a program that reads all of them asks a hundred times for 10,000. */
const limits = { usual: 50, most: 100 };

/** The query of every list. */
export const pageQuery = z.object({
  cursor: z.string().max(512).optional().openapi({ description: 'next_cursor of the last page' }),
  limit: z.coerce.number().int().min(1).max(limits.most).default(limits.usual),
});

export type PageQuery = z.output<typeof pageQuery>;

/** The answer of every list. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().openapi({ description: 'null: this was the last page' }),
  });
}

/**
 * A page of rows of which one more was asked for than fits. `keyOf` gives what the rows are ordered by, which must tell any
 * two apart: a list that grows meanwhile then repeats nothing and skips nothing.
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  { limit }: PageQuery,
  { keyOf, itemOf }: { keyOf: (row: Row) => readonly string[]; itemOf: (row: Row) => Item },
): { items: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return {
    items: shown.map(itemOf),
    next_cursor: last === undefined ? null : writeCursor(keyOf(last)),
  };
}

/**
 * A page of a list that is there as a whole, in the order of its keys, compared as text; `isDescending`: from the last. What
 * has gone meanwhile leaves its place, so the next page begins behind it all the same.
 */
export function pageOfAll<Row, Item>(
  all: readonly Row[],
  query: PageQuery,
  options: {
    keyOf: (row: Row) => readonly [string, string];
    itemOf: (row: Row) => Item;
    isDescending?: boolean;
  },
): { items: Item[]; next_cursor: string | null } {
  const { keyOf, isDescending = false } = options;
  const [first, second] = placeOf(query, 2) ?? [];
  const place =
    first === undefined || second === undefined ? undefined : ([first, second] as const);
  const isBehind = (row: Row): boolean =>
    place === undefined || compareKeys(keyOf(row), place) * (isDescending ? -1 : 1) > 0;
  const start = firstOf(all, isBehind);
  return pageOf(all.slice(start, start + query.limit + 1), query, options);
}

export function compareKeys(
  [a, b]: readonly [string, string],
  [c, d]: readonly [string, string],
): number {
  if (a !== c) return a < c ? -1 : 1;
  if (b !== d) return b < d ? -1 : 1;
  return 0;
}

/** By halves: sixty thousand bans are no reason to look at each. */
function firstOf<Row>(rows: readonly Row[], is: (row: Row) => boolean): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const row = rows[middle];
    if (row === undefined || is(row)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** The key that the last page ended with; undefined on the first page. @throws ApiError api.malformed */
export function placeOf({ cursor }: PageQuery, parts: number): readonly string[] | undefined {
  if (cursor === undefined) return undefined;
  const key = readCursor(cursor);
  if (key?.length === parts) return key;
  throw strangeCursor();
}

/** Of a key that is none of this list. */
export function strangeCursor(): ApiError {
  return new ApiError('api.malformed', 'This cursor is none of ours: begin without one.');
}

function writeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function readCursor(cursor: string): readonly string[] | undefined {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    // PostgreSQL has no NUL, and neither has a key that was read from it.
    const isKey =
      Array.isArray(key) && key.every((part) => typeof part === 'string' && !part.includes('\0'));
    return isKey ? key : undefined;
  } catch {
    return undefined;
  }
}
