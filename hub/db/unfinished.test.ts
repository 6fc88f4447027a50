import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
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

test('what was begun and given up is removed; what others are making, or put aside, is not', () => {
  const path = join(folder.path, 'data');
  const aside = ['data', 'data.17', 'data.20261123', 'data.old'];
  const [abandoned, young] = ['data.making-0a', 'data.making-0b'];
  for (const name of [...aside, abandoned, young]) {
    mkdirSync(join(folder.path, name, 'half'), { recursive: true });
    if (name !== young) utimesSync(join(folder.path, name), 0, 0);
  }
  expect(unfinishedPath(path)).toMatch(new RegExp(`^${path}\\.making-[0-9a-f]{8}$`));
  expect(readdirSync(folder.path).toSorted()).toEqual([...aside, young].toSorted());
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
