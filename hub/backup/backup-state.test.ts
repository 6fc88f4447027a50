import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { lastBackup, lastGoodBackup, noteBackup } from './backup-state.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('state');
});
afterEach(() => folder.remove());

const good = { at: new Date('2026-11-21T03:30:00Z'), file: '/b/1', ok: true };
const failed = {
  at: new Date('2026-11-22T03:30:00Z'),
  file: '/b/2',
  ok: false,
  error: 'disk full',
};

test('before the first there is none', async () => {
  expect(await lastBackup(folder.path)).toBeUndefined();
});

test('the last attempt is told, and the last one that can be restored', async () => {
  await noteBackup(folder.path, good);
  await noteBackup(folder.path, failed);
  expect(await lastBackup(folder.path)).toEqual(failed);
  expect(await lastGoodBackup(folder.path)).toEqual(good);
  expect(statSync(join(folder.path, 'backup-state.json')).mode & 0o777).toBe(0o600);
});

test('a damaged file is as good as none', async () => {
  writeFileSync(join(folder.path, 'backup-state.json'), '{');
  expect(await lastBackup(folder.path)).toBeUndefined();
  await noteBackup(folder.path, good);
  expect(await lastBackup(folder.path)).toEqual(good);
});
