import { expect, test } from 'vitest';

import { Stalls } from './stalls.ts';

test('waits are counted as they begin, and last until now', () => {
  const stalls = new Stalls();
  expect([stalls.count, stalls.seconds(1e9)]).toEqual([0, 0]);
  stalls.begin(1000);
  stalls.begin(2000);
  expect([stalls.count, stalls.seconds(3000)]).toEqual([2, 3]);
  stalls.end(3000);
  stalls.end(3500);
  expect([stalls.count, stalls.seconds(9000)]).toEqual([2, 3.5]);
});
