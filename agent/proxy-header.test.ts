import { expect, test } from 'vitest';

import { proxyHeader } from './proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

test.each([
  ['203.0.113.9', `2111000ccb007109${'00'.repeat(8)}`],
  ['2001:db8::1', `2121002420010db8${'00'.repeat(11)}01${'00'.repeat(20)}`],
  [undefined, '21000000'],
  ['not an address', '21000000'],
])('the header for %s', (address, rest) => {
  expect(proxyHeader(address).toString('hex')).toBe(signature + rest);
});
