import { expect, test } from 'vitest';

import { clockSkewMs, retryAfterMs } from './retry-after.ts';

const now = new Date('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;

test.each([
  ['120', 120_000],
  [' 5 ', 5000],
  ['0', 0],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 7 * dayMs],
  ['9999999999', 7 * dayMs],
  ['-5', 0],
  ['soon', undefined],
  ['', undefined],
  ['99999999999999999999', undefined],
])('Retry-After %j', (value, ms) => {
  expect(retryAfterMs({ 'retry-after': value }, now)).toBe(ms);
});

test('a date counts from the clock of the authority, which ours may differ from', () => {
  const headers = {
    date: 'Sat, 21 Nov 2026 12:00:00 GMT',
    'retry-after': 'Sat, 21 Nov 2026 12:10:00 GMT',
  };
  expect(retryAfterMs(headers, now)).toBe(600_000);
});

test('the clocks differ by what lies between them', () => {
  expect(clockSkewMs({ date: 'Sat, 21 Nov 2026 12:00:00 GMT' }, now)).toBe(dayMs);
  expect(clockSkewMs({ date: 'noon' }, now)).toBeUndefined();
  expect(clockSkewMs({}, now)).toBeUndefined();
});
