import { configDefaults, defineConfig } from 'vitest/config';

import { changesNetwork } from './test/support/network-changes.ts';

/** One after the other. */
const [first, then] = [{ groupOrder: 1 }, { groupOrder: 2 }];

export default defineConfig({
  test: {
    globalSetup: 'test/support/tidying.ts',
    // For what hangs: a busy disk makes a test of two seconds one of twenty.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
    // Two cores are the smallest machine the suite promises to pass on. A third of the time its programs wait for each other: one
    // worker more uses that, and yet more would make them miss their deadlines.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['{shared,hub,agent,infra}/**/*.test.ts'],
          // Read once for all files instead of once for each: half of the time of small ones.
          isolate: false,
          sequence: then,
          setupFiles: 'test/support/fresh-process.ts',
        },
      },
      { extends: true, test: { name: 'network', include: changesNetwork, sequence: first } },
      {
        extends: true,
        test: {
          name: 'house',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...changesNetwork],
          sequence: then,
        },
      },
    ],
  },
});
