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

test('one address may use all of it but a reserve, and the others come in meanwhile', () => {
  let nowMs = 0;
  const arrivals = new Arrivals({ perSecond: 200, nowMs: () => nowMs });
  const came = { stranger: 0, home: 0 };
  for (; nowMs < 10_000; nowMs += 1) {
    if (arrivals.admit('stranger') === 0) came.stranger += 1;
    if (nowMs % 500 === 0 && arrivals.admit('home') === 0) came.home += 1;
  }
  expect(came.home).toBe(20);
  expect(came.stranger).toBeGreaterThan(2000);
});

test('whoever knocks for an hour sends nobody away for longer than two minutes', () => {
  let nowMs = 0;
  const arrivals = new Arrivals({ perSecond: 2, nowMs: () => nowMs });
  const waits = Array.from({ length: 10_000 }, () => {
    nowMs += 1;
    return arrivals.admit('stranger');
  });
  expect(Math.max(...waits)).toBeLessThanOrEqual(121);
  nowMs += 130_000;
  expect(arrivals.admit('home')).toBe(0);
});
