import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{shared,hub,agent,infra,test}/**/*.test.ts'],
    globalSetup: 'test/support/tidying.ts',
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Two cores are the smallest machine the suite promises to pass on; more workers only make the real programs time out.
    maxWorkers: 2,
  },
});
