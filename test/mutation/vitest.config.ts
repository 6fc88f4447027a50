// The tests of shared/ arrive, on the memory transport alone; the suite that Stryker runs for every mutant leaves.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['shared/**/*.test.ts'],
    // The first run counts every branch: the long simulations take several times as long there.
    testTimeout: 20_000,
  },
});
