import { describe, expect, test } from 'vitest';

import { scenarios } from './scenarios.ts';
import { dayMs, liveThrough, type Year } from './year.ts';

/** A third of a minute on a machine of its own; others may have both cores. */
const timeout = 300_000;

describe('a year in the life of 1,000 names with certificates of 45 days', () => {
  test(
    'leaves no name without a valid certificate, and no limit is ever reached',
    { timeout },
    async () => {
      const year = await liveThrough(scenarios.year);
      expect(year.gaps).toEqual([]);
      expect(year.faults).toEqual([]);
      expect(year.covered).toBe(1000);
      expect(year.looked).toBeGreaterThan(1000);
      expectMargins(year);
      // A year has twelve thirds of 45 days: fewer orders would be gaps, many more would be waste.
      expect(year.signed.length).toBeGreaterThan(11_000);
      expect(year.signed.length).toBeLessThan(13_500);
      const settled = busiestHour(year, 120);
      expect(settled).toBeLessThan(60);
    },
  );
});

describe('when the authority is down', () => {
  test(
    'for three days, two hubs renew what was due without a gap or a second order',
    { timeout },
    async () => {
      const year = await liveThrough(scenarios['down-3-days']);
      expect(year.unanswered).toBeGreaterThan(0);
      expect(year.gaps).toEqual([]);
      expect(year.faults).toEqual([]);
      expect(year.covered).toBe(200);
      expectMargins(year);
    },
  );

  test(
    'for twenty days, the second authority takes over what would have ended',
    { timeout },
    async () => {
      const year = await liveThrough(scenarios['down-20-days']);
      expect(year.gaps).toEqual([]);
      expect(year.faults).toEqual([]);
      expect(year.bySecond.length).toBeGreaterThan(50);
      expectMargins(year);
      const last = year.signed.filter(({ at }) => at.getTime() > year.start.getTime() + 95 * dayMs);
      expect(last.length).toBeGreaterThan(30);
    },
  );

  test(
    'for twenty days without a second one, what has ended comes back within hours',
    { timeout },
    async () => {
      const year = await liveThrough(scenarios['down-20-days-alone']);
      const back = year.start.getTime() + 80 * dayMs;
      const tooLate = year.gaps.filter((gap) => Date.parse(gap.slice(-24)) > back + dayMs / 4);
      expect(year.gaps.length).toBeGreaterThan(0);
      expect(tooLate).toEqual([]);
      expect(year.faults).toEqual([]);
    },
  );
});

/** Each of the authority's buckets still had what the hub leaves for a person's own attempts. */
function expectMargins({ headroom }: Year): void {
  expect(headroom.orders).toBeGreaterThanOrEqual(30);
  expect(headroom.domains).toBeGreaterThanOrEqual(5);
  expect(headroom.nameSets).toBeGreaterThanOrEqual(1);
  expect(headroom.failures).toBeGreaterThanOrEqual(1);
}

function busiestHour({ signed, start }: Year, fromDay: number): number {
  const perHour = new Map<number, number>();
  for (const { at } of signed) {
    const hour = Math.floor((at.getTime() - start.getTime()) / 3_600_000);
    if (hour >= fromDay * 24) perHour.set(hour, (perHour.get(hour) ?? 0) + 1);
  }
  return Math.max(...perHour.values());
}
