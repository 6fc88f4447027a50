import { describe, expect, test } from 'vitest';

import { expired, type Kept } from './retention.ts';

const dayMs = 24 * 3_600_000;
const usual: Kept = { daily: 7, weekly: 4, monthly: 6 };

function nightly(from: string, days: number): { at: Date }[] {
  const first = Date.parse(`${from}T03:30:00Z`);
  return Array.from({ length: days }, (_, day) => ({ at: new Date(first + day * dayMs) }));
}

function days(backups: readonly { at: Date }[]): string[] {
  return backups
    .map(({ at }) => at.toISOString().slice(0, 10))
    .toSorted((a, b) => a.localeCompare(b));
}

function staying(all: readonly { at: Date }[], kept: Kept): string[] {
  const gone = new Set(expired(all, kept));
  return days(all.filter((backup) => !gone.has(backup)));
}

describe('of nightly backups', () => {
  test('a year leaves seven days, four weeks and six months', () => {
    expect(staying(nightly('2026-01-01', 365), usual)).toEqual([
      // Months: their last day.
      '2026-07-31',
      '2026-08-31',
      '2026-09-30',
      '2026-10-31',
      '2026-11-30',
      // Weeks: their Sunday, and the one that is not over.
      '2026-12-13',
      '2026-12-20',
      // Days.
      '2026-12-25',
      '2026-12-26',
      '2026-12-27',
      '2026-12-28',
      '2026-12-29',
      '2026-12-30',
      '2026-12-31',
    ]);
  });

  test.each<[string, Kept, string[]]>([
    ['1/0/0', { daily: 1, weekly: 0, monthly: 0 }, ['2026-12-31']],
    ['0/0/0', { daily: 0, weekly: 0, monthly: 0 }, ['2026-12-31']],
    ['0/2/0', { daily: 0, weekly: 2, monthly: 0 }, ['2026-12-27', '2026-12-31']],
    ['0/0/2', { daily: 0, weekly: 0, monthly: 2 }, ['2026-11-30', '2026-12-31']],
  ])('%s leaves those', (_, kept, expected) => {
    expect(staying(nightly('2026-01-01', 365), kept)).toEqual(expected);
  });

  test('the turn of a year belongs to one ISO week', () => {
    const kept = { daily: 0, weekly: 1, monthly: 0 };
    expect(staying(nightly('2026-12-28', 7), kept)).toEqual(['2027-01-03']);
  });
});

test('a hub that was away for a month keeps what it has', () => {
  const backups = [...nightly('2026-09-01', 7), ...nightly('2026-11-20', 1)];
  expect(expired(backups, usual)).toEqual([
    expect.objectContaining({ at: new Date('2026-09-01T03:30:00Z') }),
  ]);
});

test('of two on one day the later one stays', () => {
  const [early, late] = ['03:30', '12:00'].map((time) => ({
    at: new Date(`2026-11-22T${time}:00Z`),
  }));
  expect(
    expired(
      [early, late].filter((one) => one !== undefined),
      usual,
    ),
  ).toEqual([early]);
});

test('applied every night, nothing goes that a later night would have wanted', () => {
  let kept: { at: Date }[] = [];
  for (const backup of nightly('2026-01-01', 365)) {
    const all = [...kept, backup];
    const gone = new Set(expired(all, usual));
    kept = all.filter((one) => !gone.has(one));
  }
  expect(days(kept)).toEqual(staying(nightly('2026-01-01', 365), usual));
});
