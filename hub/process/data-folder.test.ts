import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { closeDataFolder, giveDataFolder, giveFile } from './data-folder.ts';

const isRoot = process.getuid?.() === 0;
const user = { uid: 1, gid: 1 };

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder('data-folder');
});
afterEach(() => folder.remove());

function ownerOf(path: string): number[] {
  const { uid, gid } = statSync(path);
  return [uid, gid];
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

const give = (dataDir: string) => giveDataFolder({ dataDir, hasDatabase: true }, user);

describe.skipIf(!isRoot)('the folder of a hub that becomes another user', () => {
  test('is made closed, below folders that let him pass', () => {
    const dataDir = join(folder.path, 'var', 'lib', 'hub');
    const former = process.umask(0o077);
    give(dataDir);
    process.umask(former);
    expect([ownerOf(dataDir), modeOf(dataDir)]).toEqual([[1, 1], '700']);
    expect(modeOf(join(folder.path, 'var', 'lib'))).toBe('755');
  });

  test('is given with all that root’s hub left in it, and nothing that a link leads to', () => {
    const dataDir = join(folder.path, 'data');
    const elsewhere = join(folder.path, 'elsewhere');
    mkdirSync(join(dataDir, 'local-ca'), { recursive: true, mode: 0o755 });
    writeFileSync(join(dataDir, 'local-ca', 'ca.pem'), 'ca');
    writeFileSync(elsewhere, 'not ours');
    symlinkSync(elsewhere, join(dataDir, 'link'));
    give(dataDir);
    expect(ownerOf(join(dataDir, 'local-ca', 'ca.pem'))).toEqual([1, 1]);
    expect([ownerOf(dataDir), modeOf(dataDir)]).toEqual([[1, 1], '700']);
    expect(ownerOf(elsewhere)).toEqual([0, 0]);
  });

  test('is left alone where it holds what no hub makes', () => {
    writeFileSync(join(folder.path, 'passwd'), 'precious');
    expect(() => give(folder.path)).toThrow(/nothing in it says that a hub made it.*chown -R 1/);
    expect(ownerOf(join(folder.path, 'passwd'))).toEqual([0, 0]);
  });

  test('is left alone where it is somebody else’s', () => {
    chownSync(folder.path, 2, 2);
    expect(() => give(folder.path)).toThrow(/belongs to uid 2.*chown -R 1/);
    expect(ownerOf(folder.path)).toEqual([2, 2]);
  });

  test('a log outside it is made or given, unless it has another name', () => {
    const [log, other] = ['auth.log', 'other.log'].map((name) => join(folder.path, name));
    giveFile(`${log}`, 0o640, user);
    expect([ownerOf(`${log}`), modeOf(`${log}`)]).toEqual([[1, 1], '640']);
    symlinkSync('/etc/hostname', `${other}`);
    giveFile(`${other}`, 0o640, user);
    expect(ownerOf('/etc/hostname')).toEqual([0, 0]);
  });
});

describe('the data folder at a start', () => {
  test.each([
    [0o755, '700'],
    [0o770, '700'],
    [0o750, '700'],
  ])('with mode %o is closed', (mode, closed) => {
    chmodSync(folder.path, mode);
    expect(closeDataFolder(folder.path)).toEqual({ mode: mode.toString(8) });
    expect(modeOf(folder.path)).toBe(closed);
  });

  test.each([0o700, 0o710])('with mode %o stays as it is', (mode) => {
    chmodSync(folder.path, mode);
    expect(closeDataFolder(folder.path)).toBeUndefined();
    expect(modeOf(folder.path)).toBe(mode.toString(8));
  });

  test('that is not there yet is nobody’s trouble', () => {
    expect(closeDataFolder(join(folder.path, 'none'))).toBeUndefined();
    expect(existsSync(join(folder.path, 'none'))).toBe(false);
  });

  test('that nobody may reach is said as what it is', () => {
    const loop = join(folder.path, 'loop');
    symlinkSync(loop, loop);
    expect(() => closeDataFolder(loop)).toThrow(
      expect.objectContaining({
        code: 'database.folder',
        message: expect.stringContaining('set HUB_DATA_DIR to a folder that this user may write'),
      }),
    );
  });

  test.skipIf(!isRoot)('of somebody else is refused where everybody may write', () => {
    chownSync(folder.path, 1, 1);
    chmodSync(folder.path, 0o777);
    expect(() => closeDataFolder(folder.path)).toThrow(/written by every user.*chmod o=/);
    chmodSync(folder.path, 0o775);
    expect(closeDataFolder(folder.path)).toBeUndefined();
  });
});
