import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { newFolder, stopEverything } from '../test/support/running-agent.ts';
import { openStateFolder } from './credentials.ts';
import { nextEpoch } from './epoch.ts';

afterEach(stopEverything);

async function folder(): Promise<string> {
  const made = newFolder();
  await openStateFolder(made);
  return made;
}

test('each process has a larger number than the one before, whatever the clock says', async () => {
  const state = await folder();
  expect(await nextEpoch(state, 1_000)).toBe(1_000n);
  expect(await nextEpoch(state, 2_000)).toBe(2_000n);
  expect(await nextEpoch(state, 500, () => 0)).toBe(2_001n);
  expect(await nextEpoch(state, 500, () => 0.999)).toBe(3_001n);
  expect(await nextEpoch(state, 500)).toBeGreaterThan(3_001n);
});

test('two copies of a folder whose clocks went back part ways by chance', async () => {
  const copies = await Promise.all([folder(), folder()]);
  const [first = 0n, second = 0n] = await Promise.all(
    copies.map(async (state, at) => {
      await nextEpoch(state, 2_000);
      return nextEpoch(state, 500, () => at / 2);
    }),
  );
  expect(second - first).toBe(500n);
});

test('it is kept beside the key, and as closed', async () => {
  const state = await folder();
  await nextEpoch(state, 1_000);
  const path = join(state, 'epoch');
  expect(readFileSync(path, 'utf8')).toBe('1000\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a damaged one counts for nothing', async () => {
  const state = await folder();
  writeFileSync(join(state, 'epoch'), 'x'.repeat(100), { mode: 0o600 });
  expect(await nextEpoch(state, 1_000)).toBe(1_000n);
});

test('one that somebody else put there is refused', async () => {
  const state = await folder();
  symlinkSync('/etc/hostname', join(state, 'epoch'));
  await expect(nextEpoch(state, 1_000)).rejects.toMatchObject({
    code: 'credentials.inaccessible',
  });
});
