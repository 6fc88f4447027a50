import { expect, test } from 'vitest';

import { compareKeys, pageOfAll, pageQuery } from './page.ts';

interface Row {
  readonly at: string;
  readonly id: string;
}

const rows = Array.from({ length: 250 }, (_, n) => ({
  // Ten of each moment: the second part of the key tells them apart.
  at: `2026-01-01T00:00:${String(Math.floor(n / 10)).padStart(2, '0')}.000Z`,
  id: String(n).padStart(3, '0'),
}));
const keyOf = ({ at, id }: Row): readonly [string, string] => [at, id];

function read(
  listOf: () => readonly Row[],
  isDescending: boolean,
  between: (page: readonly Row[]) => void = () => undefined,
): string[] {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = pageQuery.parse({ limit: '100', ...(cursor !== undefined && { cursor }) });
    const page = pageOfAll(listOf(), query, { keyOf, itemOf: (row) => row, isDescending });
    seen.push(...page.items.map(({ id }) => id));
    between(page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return seen;
}

const ids = rows.map(({ id }) => id);
const sorted = rows.toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));

test('a list that is there as a whole leaves page by page, without a gap and without a repeat', () => {
  expect(read(() => sorted, false)).toEqual(ids);
  expect(read(() => sorted.toReversed(), true)).toEqual(ids.toReversed());
});

test('an entry that has gone meanwhile keeps nobody from the rest', () => {
  let left: readonly Row[] = sorted.toReversed();
  const seen = read(
    () => left,
    true,
    (page) => {
      left = left.filter((row) => !page.includes(row));
    },
  );
  expect(seen).toEqual(ids.toReversed());
});

test.each(['', 'abc', Buffer.from('["a"]').toString('base64url'), 'WzEsMl0'])(
  'a cursor that was never given is refused: %j',
  (cursor) => {
    const query = { cursor, limit: 10 };
    const options = { keyOf, itemOf: (row: Row) => row };
    expect(() => pageOfAll(sorted, query, options)).toThrow(
      expect.objectContaining({ code: 'api.malformed' }),
    );
  },
);
