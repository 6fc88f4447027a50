import { expect, test } from 'vitest';

import { FailureBudget } from './failure-budget.ts';

function budget(limit = 3) {
  const clock = { ms: 0 };
  return { clock, made: new FailureBudget({ limit, windowMs: 60_000, nowMs: () => clock.ms }) };
}

test('an address may try until its failures are used up, and again when the minute is over', () => {
  const { clock, made } = budget();
  for (let failure = 0; failure < 3; failure += 1) {
    expect(made.waitMs('192.0.2.1')).toBe(0);
    made.note('192.0.2.1');
    clock.ms += 1000;
  }
  expect(made.waitMs('192.0.2.1')).toBe(57_000);
  clock.ms = 60_000;
  expect(made.waitMs('192.0.2.1')).toBe(0);
});

test('the failures of one address cost no other', () => {
  const { made } = budget(1);
  made.note('192.0.2.1');
  expect(made.waitMs('192.0.2.1')).toBeGreaterThan(0);
  expect(made.waitMs('192.0.2.2')).toBe(0);
});

test('failures do not lengthen the wait', () => {
  const { clock, made } = budget(1);
  made.note('a');
  clock.ms = 59_000;
  made.note('a');
  clock.ms = 60_000;
  expect(made.waitMs('a')).toBe(0);
});

test('a flood of addresses is forgotten from its oldest end', () => {
  const { made } = budget(1);
  for (let index = 0; index <= 100_000; index += 1) made.note(`address ${index}`);
  expect(made.waitMs('address 0')).toBe(0);
  expect(made.waitMs('address 1')).toBeGreaterThan(0);
  expect(made.waitMs('address 100000')).toBeGreaterThan(0);
});
