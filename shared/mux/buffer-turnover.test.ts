import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { countTurnover } from './buffer-turnover.ts';

const mib = 1024 * 1024;
const turnoverBytes = 5 * mib;

/** As V8 tells of it: the types of Node leave the detail out. */
interface Collection extends PerformanceEntry {
  readonly detail: { readonly kind: number; readonly flags: number };
}

let collections: Collection[];
let observer: PerformanceObserver;

beforeEach(() => {
  collections = [];
  observer = new PerformanceObserver((list) =>
    collections.push(...(list.getEntries() as Collection[])),
  );
  observer.observe({ entryTypes: ['gc'] });
});
afterEach(() => observer.disconnect());

/** Start times of the collections that somebody asked for: those that V8 starts by itself do not count. */
function asked(kind: number): number[] {
  const forced = constants.NODE_PERFORMANCE_GC_FLAGS_FORCED;
  return collections
    .filter(({ detail }) => detail.kind === kind && (detail.flags & forced) !== 0)
    .map(({ startTime }) => startTime);
}

it('every 5 MiB the young generation is collected, and nothing else', async () => {
  // What passed before this test goes with it.
  countTurnover(turnoverBytes);
  const expected = [Number.NEGATIVE_INFINITY];
  for (let round = 1; round < 4; round += 1) {
    countTurnover(turnoverBytes - 1);
    countTurnover(0);
    const before = performance.now();
    countTurnover(1);
    expected.push(before);
  }
  const minor = constants.NODE_PERFORMANCE_GC_MINOR;
  await vi.waitFor(() => expect(asked(minor).length).toBeGreaterThanOrEqual(4), 5_000);
  const seen = asked(minor);
  expect(seen).toHaveLength(4);
  for (const [round, startTime] of seen.entries()) {
    expect(startTime).toBeGreaterThanOrEqual(expected[round] ?? Number.NaN);
    expect(startTime).toBeLessThan(expected[round + 1] ?? Number.POSITIVE_INFINITY);
  }
  expect(asked(constants.NODE_PERFORMANCE_GC_MAJOR)).toEqual([]);
});

it('buffers that passed through are free again before 64 MB of them are there', async () => {
  const before = process.memoryUsage().arrayBuffers;
  let mostBytes = 0;
  for (let passed = 0; passed < 512 * mib; passed += 64 * 1024) {
    countTurnover(Buffer.allocUnsafeSlow(64 * 1024).length);
    if (passed % mib === 0) {
      mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - before);
      // The sweep runs beside us: a relay, too, waits for its sockets between two chunks.
      await new Promise(setImmediate);
    }
  }
  expect(mostBytes).toBeLessThan(64e6);
});
