import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeEach, expect, test } from 'vitest';

import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { madeAnew } from './made-anew.ts';

let [folder, workshop] = ['', ''];

beforeEach(() => {
  const { path } = temporaryFolder('build');
  [folder, workshop] = [join(path, 'dist'), join(path, 'reports')];
});

function withFormer(): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'moved-since.js'), 'stale');
}

const build = async (fresh: string): Promise<void> => writeFile(join(fresh, 'main.js'), 'new');

test('what a former build left there is gone', async () => {
  withFormer();
  await madeAnew(folder, workshop, build);
  expect(readdirSync(folder)).toEqual(['main.js']);
  expect(readdirSync(workshop)).toEqual([]);
});

test('the first build needs no former one', async () => {
  await madeAnew(folder, workshop, build);
  expect(readdirSync(folder)).toEqual(['main.js']);
});

test('until it is whole the former one is there, and stays when it fails', async () => {
  withFormer();
  const failing = madeAnew(folder, workshop, async (fresh) => {
    await build(fresh);
    expect(readdirSync(folder)).toEqual(['moved-since.js']);
    throw new Error('a type is wrong');
  });
  await expect(failing).rejects.toThrow('a type is wrong');
  expect(readdirSync(folder)).toEqual(['moved-since.js']);
  expect(readdirSync(workshop)).toEqual([]);
});
