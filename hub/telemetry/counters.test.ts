import { expect, test } from 'vitest';
import { Counters } from './counters.ts';

test('a hub counts from nothing, each thing for itself', () => {
  const counters = new Counters();
  counters.resumesStarted.increment();
  counters.resumesStarted.increment();
  counters.resumesFailed.range.increment();
  expect(counters.counted).toMatchObject({
    resumesStarted: 2,
    resumesSucceeded: 0,
    resumesFailed: { range: 1, validator: 0 },
    requestsReplayed: 0,
  });
});
