import { expect, test } from 'vitest';

import { age, table } from './table.ts';

test('columns are as wide as their widest cell, also when it holds an emoji', () => {
  expect(
    table(
      ['NAME', 'ID'],
      [
        ['Kino 🎬', '1'],
        ['x', '2'],
      ],
    ),
  ).toBe('NAME    ID\nKino 🎬  1\nx       2\n');
});

test('names cannot steer the terminal', () => {
  expect(table(['NAME'], [['\u001B[2Jmovies\u202E\n']])).toBe(
    'NAME\n\uFFFD[2Jmovies\uFFFD\uFFFD\n',
  );
});

test('ages are short', () => {
  const now = new Date('2026-01-02T00:00:00Z');
  const at = (text: string): string => age(new Date(text), now);
  expect(at('2026-01-01T23:59:48Z')).toBe('12 s');
  expect(at('2026-01-01T23:57:10Z')).toBe('2 min');
  expect(at('2026-01-01T22:00:00Z')).toBe('2 h');
  expect(at('2025-12-20T00:00:00Z')).toBe('13 d');
  expect(at('2026-01-02T00:00:05Z')).toBe('0 s');
});
