import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { installPrograms } from './embedded-programs.ts';
import { unfinishedPath } from './unfinished.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('unfinished');
});
afterEach(() => folder.remove());

test('what processes that are gone left unfinished is removed, and what others are making is not', () => {
  const path = join(folder.path, 'data');
  const { pid: gone } = spawnSync('true');
  const names = [`data.${gone}`, `data.${process.pid}`, `data.${process.ppid}`, 'data.old', 'data'];
  for (const name of names) mkdirSync(join(folder.path, name, 'half'), { recursive: true });
  expect(unfinishedPath(path)).toBe(`${path}.${process.pid}`);
  expect(readdirSync(folder.path).toSorted()).toEqual(['data', `data.${process.ppid}`, 'data.old']);
});

test('programs that cannot be copied whole leave nothing, and the sentence says what to do', () => {
  // A copy without its list of libraries, as a full disk would leave it.
  const native = join(folder.path, 'native');
  const programs = join(folder.path, 'programs');
  mkdirSync(join(native, 'bin'), { recursive: true });
  mkdirSync(programs);
  writeFileSync(join(native, 'bin', 'postgres'), 'of 1 MiB, 1 KiB');
  expect(() => installPrograms(programs, { native, version: '18.0.0' })).toThrow(
    expect.objectContaining({
      code: 'database.failed',
      message: expect.stringContaining('free disk space, and start again'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    }),
  );
  expect(readdirSync(programs)).toEqual([]);
  expect(existsSync(join(native, 'bin'))).toBe(true);
});
