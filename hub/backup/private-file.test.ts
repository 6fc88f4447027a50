import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { sweepDrafts, writeWhole } from './private-file.ts';

let folder: TemporaryFolder;
const at = (...names: string[]): string => join(folder.path, ...names);
beforeEach(() => {
  folder = temporaryFolder('private');
});
afterEach(() => folder.remove());

async function* bytes(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

test('a file is there whole, in a folder that was made for it', async () => {
  expect(await writeWhole(at('a', 'b', 'file'), bytes('one', 'two'))).toEqual({ size: 6 });
  expect(readFileSync(at('a', 'b', 'file'), 'utf8')).toBe('onetwo');
  expect(readdirSync(at('a', 'b'))).toEqual(['file']);
});

test('what is there already stays, and the reason has a name', async () => {
  writeFileSync(at('file'), 'mine');
  await expect(writeWhole(at('file'), bytes('x'))).rejects.toMatchObject({ code: 'backup.exists' });
  expect(readFileSync(at('file'), 'utf8')).toBe('mine');
});

test('a disk that refuses is named, with what to do', async () => {
  writeFileSync(at('in-the-way'), '');
  chmodSync(at('in-the-way'), 0o600);
  await expect(writeWhole(at('in-the-way', 'file'), bytes('x'))).rejects.toMatchObject({
    code: 'backup.storage',
    message: expect.stringContaining('make room on the disk'),
  });
});

test('drafts of writers that were killed are swept, those of others are not', async () => {
  mkdirSync(at('backups'));
  const now = new Date();
  const old = new Date(now.getTime() - 7_200_000);
  for (const name of ['.hub.tar.age.a.part', '.hub.tar.age.b.part', 'mine.part'])
    writeFileSync(at('backups', name), '');
  utimesSync(at('backups', '.hub.tar.age.a.part'), old, old);
  await sweepDrafts(at('backups'), now);
  expect(readdirSync(at('backups')).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '.hub.tar.age.b.part',
    'mine.part',
  ]);
});
