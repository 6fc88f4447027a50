import { expect, onTestFinished, test, vi } from 'vitest';

import { Backoff } from './backoff.ts';

const highest = () => 1 - Number.EPSILON;

test('the ceiling doubles from half a second to half a minute and stays there', () => {
  const backoff = new Backoff({ random: highest });
  const waits = Array.from({ length: 9 }, () => Math.round(backoff.next()));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test('a wait is anywhere between nothing and the ceiling', () => {
  expect(new Backoff({ random: () => 0 }).next()).toBe(0);
  expect(new Backoff({ random: () => 0.5 }).next()).toBe(250);
});

test('a connection that lasted a minute forgets the failures before it', () => {
  let nowMs = 0;
  const backoff = new Backoff({ random: highest, now: () => nowMs });
  for (let failure = 0; failure < 5; failure += 1) backoff.next();
  backoff.connected();
  nowMs += 60_000;
  expect(Math.round(backoff.next())).toBe(500);
});

test('the clock is that of the process unless another is given', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const backoff = new Backoff({ random: highest });
  for (let failure = 0; failure < 5; failure += 1) backoff.next();
  backoff.connected();
  vi.advanceTimersByTime(60_000);
  expect(Math.round(backoff.next())).toBe(500);
});

test('a connection that broke before the minute counts as one more failure', () => {
  let nowMs = 1_000_000;
  const backoff = new Backoff({ random: highest, now: () => nowMs });
  for (let failure = 0; failure < 3; failure += 1) backoff.next();
  backoff.connected();
  nowMs += 59_999;
  expect(Math.round(backoff.next())).toBe(4000);
  nowMs += 60_000;
  expect(Math.round(backoff.next())).toBe(8000);
});

test('failures beyond counting still wait no longer than the highest ceiling', () => {
  const backoff = new Backoff({ random: highest });
  for (let failure = 0; failure < 5000; failure += 1) backoff.next();
  expect(Math.round(backoff.next())).toBe(30_000);
});
