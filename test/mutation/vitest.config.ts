import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['shared/**/*.test.ts'],
    // The first run counts every branch: the long simulations take several times as long there.
    testTimeout: 20_000,
  },
});
