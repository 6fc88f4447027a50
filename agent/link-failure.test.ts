import type { IncomingMessage } from 'node:http';

import { expect, test } from 'vitest';

import { retryAfterMs } from './link-failure.ts';

test.each([
  ['7', 7000],
  ['0', 0],
  ['999999', 600_000],
  ['9999999', undefined],
  ['-1', undefined],
  ['Sun, 22 Nov 2026 10:00:00 GMT', undefined],
  [undefined, undefined],
])('Retry-After: %s is a wait of %s ms', (value, ms) => {
  const headers = value === undefined ? {} : { 'retry-after': value };
  expect(retryAfterMs({ headers } as IncomingMessage)).toBe(ms);
});
