import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { LogFile, type LogFileOptions } from './log-file.ts';

let folder: string;
let path: string;
let troubles: unknown[];
const mask = process.umask();

beforeEach(() => {
  folder = temporaryFolder('log').path;
  path = join(folder, 'hub.log');
  troubles = [];
});

afterEach(() => process.umask(mask));

const onTrouble = (error: unknown): void => void troubles.push(error);

function open(options: Partial<LogFileOptions> = {}): LogFile {
  return new LogFile({ path, maxBytes: 0, keptFiles: 3, onTrouble, ...options });
}

const read = (name = path): string => readFileSync(name, 'utf8');

test('lines are there as soon as they are written, behind those of an earlier start', () => {
  open().write('one\n');
  open().write('two\n');
  expect(read()).toBe('one\ntwo\n');
});

test('its owner and his group may read it, whatever the umask says, and a folder that is missing is made', () => {
  process.umask(0o077);
  const there = join(folder, 'new', 'hub.log');
  open({ path: there }).write('one\n');
  expect(statSync(there).mode & 0o777).toBe(0o640);
});

test('a file that would grow too large is put aside under a number, and the oldest are dropped', () => {
  const file = open({ maxBytes: 10, keptFiles: 2 });
  for (const line of ['aaaaaaa\n', 'bbbbbbb\n', 'ccccccc\n', 'ddddddd\n']) file.write(line);
  expect([read(), read(`${path}.1`), read(`${path}.2`)]).toEqual([
    'ddddddd\n',
    'ccccccc\n',
    'bbbbbbb\n',
  ]);
  expect(existsSync(`${path}.3`)).toBe(false);
  expect(statSync(`${path}.2`).mode & 0o777).toBe(0o640);
});

test('a line longer than a file is whole in a file of its own', () => {
  const file = open({ maxBytes: 10 });
  file.write(`${'x'.repeat(50)}\n`);
  file.write('y\n');
  expect([read(), read(`${path}.1`)]).toEqual(['y\n', `${'x'.repeat(50)}\n`]);
});

test('what is put aside by another program goes on under its new name until the file is opened again', () => {
  const file = open();
  file.write('one\n');
  renameSync(path, `${path}-20261122`);
  file.write('two\n');
  file.reopen();
  file.write('three\n');
  expect([read(`${path}-20261122`), read()]).toEqual(['one\ntwo\n', 'three\n']);
});

test('of two processes that find the file full one puts it aside', () => {
  const [first, second] = [open({ maxBytes: 10 }), open({ maxBytes: 10 })];
  first.write('aaaaaaa\n');
  second.write('bbbbbbb\n');
  first.write('ccccccc\n');
  second.write('ddddddd\n');
  expect(read(`${path}.1`)).toBe('aaaaaaa\nbbbbbbb\n');
  expect(read()).toBe('ccccccc\nddddddd\n');
});

test('a file that cannot be made keeps a program from starting, and one that cannot be written is told of once', () => {
  expect(() => open({ path: folder })).toThrow(/EISDIR/);
  const file = open();
  file.write('one\n');
  rmSync(path);
  mkdirSync(path);
  file.reopen();
  file.write('lost\n');
  file.write('lost too\n');
  expect(troubles).toHaveLength(1);
  rmSync(path, { recursive: true });
  file.write('found\n');
  expect(read()).toBe('found\n');
});

test.skipIf(spawnSync('test', ['-c', '/dev/full']).status !== 0)(
  'a full disk is told of and ends nothing',
  () => {
    const file = open({ path: '/dev/full' });
    file.write('one\n');
    expect(troubles).toMatchObject([{ code: 'ENOSPC' }]);
  },
);
