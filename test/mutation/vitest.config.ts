// The tests of shared/ arrive, on the memory transport alone; the suite that Stryker runs for every mutant leaves, the quickest of it first.

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A mutant is done with at the first test that notices it: vitest's own order, the longest file first, fits many workers. */
class ShortestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toReversed();
  }
}

export default defineConfig({
  test: {
    include: ['shared/**/*.test.ts'],
    // The first run counts every branch: the long simulations take several times as long there.
    testTimeout: 60_000,
    // One worker for all files of a mutant: a new one for each would take half of the time.
    isolate: false,
    sequence: { sequencer: ShortestFirst },
  },
});
