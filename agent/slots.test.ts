import { expect, test } from 'vitest';

import { Slots } from './slots.ts';

const { signal } = new AbortController();

/** Taken, or still waiting when everything that could happen has happened. */
async function outcome(taking: Promise<number | undefined>): Promise<number | string | undefined> {
  const turn = new Promise<string>((resolve) => setImmediate(() => resolve('waiting')));
  return Promise.race([taking, turn]);
}

test('the first dials alone until the hub has said how many it grants', async () => {
  const slots = new Slots();
  expect(await outcome(slots.take(0, signal))).toBe(0);
  const second = slots.take(1, signal);
  expect(await outcome(second)).toBe('waiting');
  slots.grant(8);
  expect(await outcome(second)).toBe(1);
});

test('a hub that grants one link gets one: the others wait for its end', async () => {
  const slots = new Slots();
  await slots.take(0, signal);
  slots.grant(1);
  const second = slots.take(1, signal);
  expect(await outcome(second)).toBe('waiting');
  slots.give(0);
  expect(await outcome(second)).toBe(0);
});

test('a grant that shrinks counts links, not numbers', async () => {
  const slots = new Slots();
  slots.grant(2);
  await slots.take(0, signal);
  await slots.take(1, signal);
  slots.grant(1);
  slots.give(0);
  const other = slots.take(0, signal);
  expect(await outcome(other)).toBe('waiting');
  slots.give(1);
  expect(await outcome(other)).toBe(0);
});

test('a slot is free again when its link is over, not while the one that replaces it lives', async () => {
  const slots = new Slots();
  slots.grant(1);
  await slots.take(0, signal);
  slots.hold(0);
  slots.give(0);
  const other = slots.take(0, signal);
  expect(await outcome(other)).toBe('waiting');
  slots.give(0);
  expect(await outcome(other)).toBe(0);
});

test('what a former process holds is left alone until it lets go', async () => {
  const slots = new Slots({ reserved: [0, 1] });
  expect(await outcome(slots.take(0, signal))).toBe(2);
  slots.grant(3);
  const second = slots.take(1, signal);
  expect(await outcome(second)).toBe('waiting');
  slots.release();
  expect(await outcome(second)).toBe(1);
});

test('nobody waits behind the end', async () => {
  const slots = new Slots();
  const stop = new AbortController();
  const second = slots.take(1, stop.signal);
  stop.abort();
  expect(await second).toBeUndefined();
  expect(await slots.take(0, stop.signal)).toBeUndefined();
});
