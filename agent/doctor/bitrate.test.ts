import { expect, test } from 'vitest';

import { bitrateVerdict } from './bitrate.ts';

test.each<[number, string, string]>([
  [1_200_000, 'warning', 'No film fits through 1.2 Mbit/s'],
  [3_000_000, 'warning', '480p at 2 Mbit/s fits; 720p at 4 Mbit/s does not.'],
  [15_000_000, 'ok', '1080p at 10 Mbit/s fits; 4K at 25 Mbit/s does not.'],
  [40_000_000, 'ok', '4K at 25 Mbit/s fits; 4K from the disc at 80 Mbit/s does not.'],
  [70_000_000, 'ok', '4K at 25 Mbit/s fits, 2 at once; 4K from the disc'],
  [500_000_000, 'ok', '4K from the disc at 80 Mbit/s fits, 5 at once.'],
])('an uplink of %d bit/s is %s: %s', (up, state, words) => {
  expect(bitrateVerdict(up)).toMatchObject({ state, message: expect.stringContaining(words) });
});

test('who can show nothing is told what to transcode to', () => {
  expect(bitrateVerdict(1_200_000).remedy).toContain('to 0.5 Mbit/s');
  expect(bitrateVerdict(5_500_000)).toMatchObject({ state: 'ok' });
});
