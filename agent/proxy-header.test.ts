import { expect, test } from 'vitest';

import { proxyHeader } from './proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

test.each([
  ['203.0.113.9', `2111000ccb007109${'00'.repeat(8)}`],
  ['2001:db8::1', `2121002420010db8${'00'.repeat(11)}01${'00'.repeat(20)}`],
  // Of nobody, rather than of the agent itself (RFC 7600).
  [undefined, `2111000cc0000008${'00'.repeat(8)}`],
  ['not an address', `2111000cc0000008${'00'.repeat(8)}`],
])('the header for %s', (address, rest) => {
  expect(proxyHeader(address).toString('hex')).toBe(signature + rest);
});
