import { expect, test } from 'vitest';

import { PlainlySpoken } from './plainly-spoken.ts';

test('an address is remembered for two minutes', () => {
  let now = 0;
  const addresses = new PlainlySpoken(() => now);
  addresses.add('192.0.2.7');
  now = 119_999;
  expect(addresses.has('192.0.2.7')).toBe(true);
  expect(addresses.has('192.0.2.8')).toBe(false);
  now = 120_000;
  expect(addresses.has('192.0.2.7')).toBe(false);
});

test('of more than a thousand addresses the oldest are forgotten', () => {
  const addresses = new PlainlySpoken(() => 0);
  for (let at = 0; at < 1001; at++) addresses.add(`bucket ${at}`);
  expect([
    addresses.has('bucket 0'),
    addresses.has('bucket 1'),
    addresses.has('bucket 1000'),
  ]).toEqual([false, true, true]);
});
