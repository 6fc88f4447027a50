import { expect, test } from 'vitest';

import { lastDue, parseSchedule } from './schedule.ts';

test.each([
  ['daily 03:30', 210],
  ['daily 00:00', 0],
  [' Daily 23:59 ', 1439],
])('%s is a time', (text, minutes) => {
  expect(parseSchedule(text)).toEqual({ minutes });
});

test.each(['', '03:30', 'daily', 'daily 24:00', 'daily 3:30', 'daily 03:60', 'weekly 03:30'])(
  '%s is none',
  (text) => {
    expect(parseSchedule(text)).toBeUndefined();
  },
);

test.each([
  ['2026-11-22T03:29:59Z', '2026-11-21T03:30:00Z'],
  ['2026-11-22T03:30:00Z', '2026-11-22T03:30:00Z'],
  ['2026-11-22T23:59:59Z', '2026-11-22T03:30:00Z'],
  ['2027-01-01T00:00:00Z', '2026-12-31T03:30:00Z'],
])('at %s one was last due at %s', (now, due) => {
  expect(lastDue({ minutes: 210 }, new Date(now))).toEqual(new Date(due));
});
