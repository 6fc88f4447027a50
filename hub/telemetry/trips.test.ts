import { expect, test } from 'vitest';

import { Trips } from './trips.ts';

test('the last two hundred are kept, the youngest first, and all are counted', () => {
  const trips = new Trips();
  for (let visitor = 0; visitor < 250; visitor += 1)
    trips.note('login.locked', `10.0.0.${visitor}`);
  expect(trips.total).toBe(250);
  expect(trips.list()).toHaveLength(200);
  expect(trips.list()[0]).toMatchObject({ limit: 'login.locked', who: '10.0.0.249', times: 1 });
});

test('a program that tries again and again is one line', () => {
  let now = new Date('2026-11-22T12:00:00Z');
  const trips = new Trips(() => now);
  trips.note('edge.busy', '192.0.2.7');
  now = new Date('2026-11-22T12:00:05Z');
  trips.note('edge.busy', '192.0.2.7');
  trips.note('edge.busy', undefined);
  expect(trips.list()).toEqual([
    { at: now, limit: 'edge.busy', who: undefined, times: 1 },
    { at: now, limit: 'edge.busy', who: '192.0.2.7', times: 2 },
  ]);
});
