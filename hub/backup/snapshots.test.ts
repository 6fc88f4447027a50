import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import {
  freeSnapshotPath,
  listSnapshots,
  pruneSnapshots,
  snapshotKeys,
  snapshotLock,
  snapshotPath,
} from './snapshots.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('snapshots');
});
afterEach(() => folder.remove());

function add(at: string, reason: 'migration' | 'restore' | 'rollback'): void {
  const path = snapshotPath(folder.path, new Date(at), reason);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
}

test('snapshots are listed by what they were taken for, youngest first, and the oldest go', async () => {
  add('2026-11-20T03:30:00Z', 'migration');
  add('2026-11-22T03:30:00Z', 'rollback');
  add('2026-11-21T03:30:00Z', 'restore');
  writeFileSync(join(folder.path, 'snapshots', 'notes.txt'), '');
  expect((await listSnapshots(folder.path)).map(({ id }) => id)).toEqual([
    '20261122T033000Z-rollback',
    '20261121T033000Z-restore',
    '20261120T033000Z-migration',
  ]);
  await pruneSnapshots(folder.path, 2);
  expect(readdirSync(join(folder.path, 'snapshots'))).toHaveLength(3);
  expect((await listSnapshots(folder.path)).at(-1)?.reason).toBe('restore');
});

test('two within a second have names of their own, the later one a later name', async () => {
  const at = new Date('2026-11-22T03:30:00Z');
  add('2026-11-22T03:30:00Z', 'migration');
  add('2026-11-22T03:30:01Z', 'migration');
  const path = await freeSnapshotPath(folder.path, at, 'migration');
  expect(path).toBe(snapshotPath(folder.path, new Date('2026-11-22T03:30:02Z'), 'migration'));
  expect(await freeSnapshotPath(folder.path, at, 'rollback')).toMatch(/033000Z-rollback/);
});

test('the one that is about to be read stays, however it is called', async () => {
  add('2026-11-20T03:30:00Z', 'migration');
  add('2026-11-21T03:30:00Z', 'migration');
  add('2026-11-22T03:30:00Z', 'rollback');
  const oldest = snapshotPath(folder.path, new Date('2026-11-20T03:30:00Z'), 'migration');
  symlinkSync(oldest, join(folder.path, 'chosen'));
  await pruneSnapshots(folder.path, 1, join(folder.path, 'chosen'));
  expect((await listSnapshots(folder.path)).map(({ id }) => id)).toEqual([
    '20261122T033000Z-rollback',
    '20261120T033000Z-migration',
  ]);
});

test('their key is made once, for its owner alone, also by two processes at once', async () => {
  const [one, other] = await Promise.all([snapshotLock(folder.path), snapshotLock(folder.path)]);
  expect(one).toEqual(other);
  expect(statSync(join(folder.path, 'snapshot.key')).mode & 0o777).toBe(0o600);
  expect((await snapshotKeys(folder.path)).identities).toHaveLength(1);
});

test('without their key they do not open, and the way out is named', async () => {
  await snapshotLock(folder.path);
  rmSync(join(folder.path, 'snapshot.key'));
  await expect(snapshotKeys(folder.path)).rejects.toMatchObject({
    code: 'backup.no-key',
    message: expect.stringContaining('restore a backup instead'),
  });
});
