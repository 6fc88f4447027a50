import { expect, it, vi } from 'vitest';
import { watchCollections } from '../../test/support/collections.ts';
import { countTurnover } from './buffer-turnover.ts';

const mib = 1024 * 1024;
const turnoverBytes = 5 * mib;

it('every 5 MiB the young generation is collected, and nothing else', async () => {
  const asked = watchCollections();
  // What passed before this test goes with it.
  countTurnover(turnoverBytes);
  const expected = [Number.NEGATIVE_INFINITY];
  for (let round = 1; round < 4; round += 1) {
    countTurnover(turnoverBytes - 1);
    countTurnover(0);
    expected.push(performance.now());
    countTurnover(1);
  }
  await vi.waitFor(() => expect(asked.minor.length).toBeGreaterThanOrEqual(4), 5_000);
  expect(asked.minor).toHaveLength(4);
  for (const [round, startTime] of asked.minor.entries()) {
    expect(startTime).toBeGreaterThanOrEqual(expected[round] ?? Number.NaN);
    expect(startTime).toBeLessThan(expected[round + 1] ?? Number.POSITIVE_INFINITY);
  }
  expect(asked.major).toEqual([]);
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
