// Nothing arrives; the young collections that somebody asked V8 for leave: those that it starts by itself do not count.

import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { onTestFinished } from 'vitest';

/** As V8 tells of it: the types of Node leave the detail out. */
interface Collection extends PerformanceEntry {
  readonly detail: { readonly kind: number; readonly flags: number };
}

export interface CollectionsAsked {
  /** Start times, as performance.now() counts. They are known a turn of the event loop later. */
  readonly minor: readonly number[];
  readonly major: readonly number[];
}

/** Watches until the end of the test. */
export function watchCollections(): CollectionsAsked {
  const asked = { minor: [] as number[], major: [] as number[] };
  const observer = new PerformanceObserver((list) => {
    for (const { detail, startTime } of list.getEntries() as Collection[]) {
      if ((detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) === 0) continue;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) asked.minor.push(startTime);
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) asked.major.push(startTime);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  onTestFinished(() => observer.disconnect());
  return asked;
}
