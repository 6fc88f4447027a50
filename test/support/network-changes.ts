// Nothing arrives; the files leave whose tests give this machine interfaces and take them away again.

/**
 * Chromium ends every request when it hears of such a change (net::ERR_NETWORK_CHANGED), and agents dial anew: these files run
 * by themselves, before the others.
 */
export const changesNetwork = [
  'test/chaos/line.test.ts',
  'test/e2e/bans.test.ts',
  'test/e2e/fail2ban.test.ts',
  'test/e2e/network-change.test.ts',
  'test/e2e/quickstart-cases.test.ts',
  'test/e2e/quickstart.test.ts',
  'test/support/namespace.test.ts',
];
