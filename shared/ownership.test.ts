import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../test/support/temporary-folder.ts';
import { LogFile } from './log-file.ts';
import { leaveFolderToOwner, leaveToOwner } from './ownership.ts';

const user = 12_345;
const isRoot = process.getuid?.() === 0;
let folder: TemporaryFolder;
const at = (...names: string[]): string => join(folder.path, ...names);

beforeEach(() => {
  folder = temporaryFolder('ownership');
  mkdirSync(at('data'));
  writeFileSync(at('shadow'), '', { mode: 0o600 });
});
afterEach(() => folder.remove());

test.skipIf(!isRoot)('what root makes in the folder of a user is his', () => {
  chownSync(at('data'), user, user);
  const file = openSync(at('data', 'state'), 'wx');
  leaveToOwner(at('data', 'state'), file);
  closeSync(file);
  mkdirSync(at('data', 'staged'));
  leaveFolderToOwner(at('data', 'staged'));
  expect(statSync(at('data', 'state')).uid).toBe(user);
  expect(statSync(at('data', 'staged')).uid).toBe(user);
});

test.skipIf(!isRoot)('a link that he puts in its place meanwhile gives him nothing', () => {
  chownSync(at('data'), user, user);
  const path = at('data', 'state');
  const file = openSync(path, 'wx');
  renameSync(path, at('data', 'away'));
  symlinkSync(at('shadow'), path);
  leaveToOwner(path, file);
  closeSync(file);
  mkdirSync(at('others'));
  symlinkSync(at('others'), at('data', 'staged'));
  expect(() => leaveFolderToOwner(at('data', 'staged'))).toThrow(/ENOTDIR|ELOOP/);
  expect(statSync(at('shadow')).uid).toBe(0);
  expect(statSync(at('others')).uid).toBe(0);
});

test.skipIf(!isRoot)(
  'a log is not written where a link of his leads, but where one of root’s does',
  () => {
    symlinkSync(at('shadow'), at('data', 'hub.log'));
    const options = { path: at('data', 'hub.log'), maxBytes: 0, keptFiles: 1, onTrouble: () => {} };
    new LogFile(options).write('one\n');
    expect(statSync(at('shadow')).size).toBe(4);
    chownSync(at('data'), user, user);
    expect(() => new LogFile(options)).toThrow(/ELOOP/);
    expect(statSync(at('shadow')).uid).toBe(0);
  },
);
