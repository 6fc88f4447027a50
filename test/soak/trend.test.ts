import { expect, test } from 'vitest';

import { slopePerMinute } from './trend.ts';

test('a line that rises by one in each second rises by sixty in a minute', () => {
  const points = [0, 1, 2, 3].map((seconds) => ({ seconds, value: 7 + seconds }));
  expect(slopePerMinute(points)).toBeCloseTo(60);
});

test('what goes up and down again has no slope, and one point has none that could be told', () => {
  const values = [5, 9, 9, 5];
  expect(slopePerMinute(values.map((value, seconds) => ({ seconds, value })))).toBeCloseTo(0);
  expect(slopePerMinute([{ seconds: 0, value: 1 }])).toBeNaN();
});
