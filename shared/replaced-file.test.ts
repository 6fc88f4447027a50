import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { replaceFile } from './replaced-file.ts';

test('a file is replaced as a whole, closed to others, with nothing left beside it', async () => {
  const folder = temporaryFolder('replaced').path;
  const path = join(folder, 'state.json');
  await replaceFile(path, 'a long first text');
  await Promise.all([replaceFile(path, 'one'), replaceFile(path, 'two')]);
  expect(['one', 'two']).toContain(readFileSync(path, 'utf8'));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['state.json']);
});

test('what cannot be written leaves no draft, and makes no folder', async () => {
  const folder = temporaryFolder('replaced').path;
  mkdirSync(join(folder, 'taken'));
  await expect(replaceFile(join(folder, 'taken'), 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  await expect(replaceFile(join(folder, 'none', 'x'), 'x')).rejects.toThrow('ENOENT');
  expect(readdirSync(folder)).toEqual(['taken']);
});
