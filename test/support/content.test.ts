import { expect, test } from 'vitest';

import { contentBytes, contentHash, contentStream, measure } from './content.ts';

test('any part equals the same part of the whole, wherever it begins', () => {
  const whole = contentBytes('film', 0, 5000);
  for (const [offset, length] of [
    [0, 5000],
    [1, 1],
    [15, 17],
    [16, 16],
    [4999, 1],
  ] as const) {
    expect(contentBytes('film', offset, length)).toEqual(whole.subarray(offset, offset + length));
  }
  expect(contentBytes('other', 0, 5000)).not.toEqual(whole);
});

test('a stream of it has its length and its hash', async () => {
  const body = await measure(contentStream('film', 7, 200_007));
  expect(body).toEqual({ bytes: 200_000, sha256: contentHash('film', 7, 200_007) });
});
