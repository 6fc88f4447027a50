import { expect, test } from 'vitest';

import { Arrivals } from './arrivals.ts';

test('as many as may come in a second come in at once, and one more for each share of a second', () => {
  let nowMs = 0;
  const arrivals = new Arrivals({ perSecond: 10, nowMs: () => nowMs });
  const admitted = (count: number): number =>
    Array.from({ length: count }, () => arrivals.admit()).filter((wait) => wait === 0).length;
  expect(admitted(50)).toBe(10);
  nowMs = 100;
  expect(admitted(50)).toBe(1);
  nowMs = 60_000;
  expect(admitted(50)).toBe(10);
});

test('a thousand that come together are told to come back one after the other, each once', () => {
  let nowMs = 0;
  const arrivals = new Arrivals({ perSecond: 100, nowMs: () => nowMs, random: () => 0.5 });
  const due = new Map<number, number>([[0, 1000]]);
  const peaks: number[] = [];
  for (let second = 0; second < 30; second += 1) {
    nowMs = second * 1000;
    let admitted = 0;
    for (let i = due.get(second) ?? 0; i > 0; i -= 1) {
      const wait = arrivals.admit();
      if (wait === 0) admitted += 1;
      else due.set(second + wait, (due.get(second + wait) ?? 0) + 1);
    }
    peaks.push(admitted);
  }
  expect(peaks.reduce((sum, count) => sum + count, 0)).toBe(1000);
  expect(Math.max(...peaks)).toBeLessThanOrEqual(101);
  expect(peaks.slice(0, 12).reduce((sum, count) => sum + count, 0)).toBe(1000);
});
