// Samples arrive; medians and ratios leave, and nothing where nothing was measured.

import { expect, test } from 'vitest';

import { cpuOf, growth, type CostPoint } from './cost.ts';
import { Sheet } from './figures.ts';

test('a ratio of two figures is that of their medians, by contender, where both were measured', () => {
  const sheet = new Sheet();
  for (const upload of [80, 90, 300]) sheet.add('hub', { upload });
  sheet.add('hub', { download: 100 });
  sheet.add('ssh', { download: 100 });
  const ratio = { of: 'upload', to: 'download' };
  sheet.addRatios([{ id: 'ratio', title: '', unit: 'x', ratio }]);
  expect(sheet.median('hub', 'ratio')).toBeCloseTo(0.9);
  expect(sheet.median('ssh', 'ratio')).toBeUndefined();
});

test('growth is 1 where ten times the streams cost ten times as much, less where less, and 2 where a hundred times', () => {
  expect(growth(point(10, 0.1), point(100, 1), cpuOf)).toBeCloseTo(1);
  expect(growth(point(10, 0.1), point(100, 0.5), cpuOf)).toBeLessThan(0.75);
  expect(growth(point(10, 0.01), point(100, 1), cpuOf)).toBeCloseTo(2);
});

function point(streams: number, cpu: number): CostPoint {
  return {
    streams,
    bytesPerSecond: 0,
    cpu: { hub: cpu / 2, agent: cpu / 2 },
    bytes: { hub: 0, agent: 0 },
  };
}
