import { assert, constantFrom, oneof, property, string } from 'fast-check';
import { expect, test } from 'vitest';

import { base62, formatToken, parseToken } from './token-text.ts';

const id = 'Ab3dEf9h';
const secret = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ';

test('a personal token is prefix, id, secret and six digits of its CRC-32', () => {
  const text = formatToken({ kind: 'personal', id, secret });
  expect(text).toMatch(/^phx_pat_[0-9A-Za-z]{8}_[0-9A-Za-z_-]{43}[0-9A-Za-z]{6}$/);
  // zlib.crc32(b'phx_pat_Ab3dEf9h_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ') of Python, in base 62.
  expect(text.slice(-6)).toBe('4XlIXU');
  expect(parseToken(text)).toEqual({ kind: 'personal', id, secret });
});

test('a device token is prefix, id and secret', () => {
  expect(formatToken({ kind: 'device', id, secret })).toBe(`phd_${id}_${secret}`);
  expect(parseToken(`phd_${id}_${secret}`)).toEqual({ kind: 'device', id, secret });
});

test('one changed character anywhere is known without a question to the database', () => {
  const text = formatToken({ kind: 'personal', id, secret });
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'x' ? 'y' : 'x';
    expect(parseToken(`${text.slice(0, at)}${other}${text.slice(at + 1)}`)).toBeUndefined();
  }
});

test.each([
  '',
  'phx_pat_',
  'phd_',
  `phd_${id}_${secret}0`,
  `phd_${id}-${secret}`,
  `phd_Ab3dEf9\0_${secret}`,
  `phd_Ab3dEf9é_${secret}`,
  `PHD_${id}_${secret}`,
  ` phd_${id}_${secret}`,
  `phd_${id}_${secret}\n`,
  'x'.repeat(100_000),
])('%j is no token', (text) => {
  expect(parseToken(text)).toBeUndefined();
});

test('no text makes it throw, and what it reads it writes again', () => {
  const letters = constantFrom(...Array.from(`${base62}_-.`));
  const piece = string({ unit: letters, maxLength: 70 });
  const prefix = constantFrom('phx_pat_', 'phd_', '');
  assert(
    property(prefix, oneof(piece, string()), (start, rest) => {
      const token = parseToken(start + rest);
      expect(token === undefined ? start + rest : formatToken(token)).toBe(start + rest);
    }),
  );
});
