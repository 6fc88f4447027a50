import { expect, test } from 'vitest';

import { hasParts } from '../support/parts.ts';
import { liveWithPebble } from './pebble-year.ts';

test.skipIf(!hasParts('pebble'))(
  'with Pebble and certificates of half a minute, two hubs renew each name in time while visitors come, and share one account',
  { timeout: 180_000 },
  async () => {
    const year = await liveWithPebble({ names: 8, lifeSeconds: 30, renewals: 2, pauseSeconds: 3 });
    expect(year.faults).toEqual([]);
    expect(year.renewalsOfEach).toBeGreaterThanOrEqual(2);
    expect(year.handshakes).toBeGreaterThan(100);
    expect(year.shortestRestSeconds).toBeGreaterThan(0);
    expect(year.accounts).toBe(1);
    // One for each certificate, made by one of the two hubs; a slow machine may have begun the next ones.
    expect(year.orders).toBeLessThanOrEqual(8 * (year.renewalsOfEach + 3));
  },
);
