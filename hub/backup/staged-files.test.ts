import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { exchangeContents, hasStagedFiles, settleStaged, StagedFiles } from './staged-files.ts';

const id = '20261122T033000Z-abcdef';
let folder: TemporaryFolder;
const at = (...names: string[]): string => join(folder.path, ...names);

beforeEach(() => {
  folder = temporaryFolder('staged');
  mkdirSync(at('local-ca'));
  writeFileSync(at('sealing.key'), 'former');
  writeFileSync(at('local-ca', 'ca.pem'), 'former');
});
afterEach(() => folder.remove());

async function stage(): Promise<void> {
  const staged = await StagedFiles.open(folder.path, id);
  await staged.write('sealing.key', Buffer.from('rest'));
  await staged.write('sealing.key', Buffer.from('ored'));
  await staged.write('local-ca/ca.pem', Buffer.from('restored'));
  await staged.finish();
}

function present(): string[] {
  return [at('sealing.key'), at('local-ca', 'ca.pem')].map((path) => readFileSync(path, 'utf8'));
}

test('files take their places with the commit, and what stood there goes aside', async () => {
  await stage();
  expect(present()).toEqual(['former', 'former']);
  const aside = await settleStaged(folder.path, id);
  expect(present()).toEqual(['restored', 'restored']);
  expect(readFileSync(join(aside ?? '', 'sealing.key'), 'utf8')).toBe('former');
  expect(statSync(at('sealing.key')).mode & 0o777).toBe(0o600);
  expect(await hasStagedFiles(folder.path)).toBe(false);
});

test('of a restore that was not committed nothing stays', async () => {
  await stage();
  await settleStaged(folder.path, undefined);
  expect(present()).toEqual(['former', 'former']);
  expect(readdirSync(folder.path).length).toBe(2);
});

test('a process that was killed between two files is made up for', async () => {
  await stage();
  // As far as it came: one former file is aside, its successor not in place yet.
  mkdirSync(at(`before-restore-${id}`));
  renameSync(at('local-ca'), at(`before-restore-${id}`, 'local-ca'));
  await settleStaged(folder.path, id);
  expect(present()).toEqual(['restored', 'restored']);
  expect(existsSync(at(`before-restore-${id}`, 'local-ca', 'ca.pem'))).toBe(true);
});

test('a folder that is a mount point keeps its place, and its contents are exchanged', async () => {
  for (const [path, text] of [
    ['from/one', 'restored'],
    ['from/two', 'restored'],
    ['audit/one', 'former'],
    ['audit/old', 'former'],
    // A try before, that was killed: one has arrived, of another a part.
    ['audit/two', 'restored'],
    ['audit/.restoring-one', 'rest'],
  ] as const) {
    mkdirSync(at(path, '..'), { recursive: true });
    writeFileSync(at(path), text);
  }
  for (let tries = 0; tries < 2; tries += 1) {
    await exchangeContents(at('from'), at('audit'), at('aside'));
    expect(readdirSync(at('audit'))).toEqual(['one', 'two']);
    expect(readFileSync(at('audit', 'one'), 'utf8')).toBe('restored');
    expect(readdirSync(at('aside'))).toEqual(['old', 'one']);
    expect(readFileSync(at('aside', 'one'), 'utf8')).toBe('former');
  }
});

test.skipIf(!canMount())('which holds for a real one', async () => {
  mkdirSync(at('audit'));
  expect(spawnSync('mount', ['-t', 'tmpfs', 'none', at('audit')]).status).toBe(0);
  try {
    // As the hub's own user has them, while root restores.
    for (const owned of [folder.path, at('audit')]) chownSync(owned, 12_345, 12_345);
    writeFileSync(at('audit', 'old'), 'former');
    const staged = await StagedFiles.open(folder.path, id);
    await staged.write('audit/audit-00000001.jsonl', Buffer.from('restored'));
    await staged.finish();
    const aside = await settleStaged(folder.path, id);
    expect(readdirSync(at('audit'))).toEqual(['audit-00000001.jsonl']);
    expect(statSync(at('audit', 'audit-00000001.jsonl')).uid).toBe(12_345);
    expect(readdirSync(join(aside ?? '', 'audit'))).toEqual(['old']);
  } finally {
    spawnSync('umount', [at('audit')]);
  }
});

/** Root in most places, and not in most containers. */
function canMount(): boolean {
  const words = ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'];
  return spawnSync('unshare', words).status === 0;
}

test('what is the same already stays where it is', async () => {
  const staged = await StagedFiles.open(folder.path, id);
  await staged.write('local-ca/ca.pem', Buffer.from('former'));
  await staged.finish();
  expect(await settleStaged(folder.path, id)).toBeUndefined();
  expect(existsSync(at(`before-restore-${id}`))).toBe(false);
});

test.each(['../outside', '/etc/passwd', 'audit/../../x', 'hub.sock', 'audit/audit-1.jsonl'])(
  'a file called %s is nobody’s',
  async (path) => {
    const staged = await StagedFiles.open(folder.path, id);
    const writing = staged.write(path, Buffer.from('x'));
    await expect(writing).rejects.toMatchObject({ code: 'backup.damaged' });
    await staged.abandon();
    expect(await hasStagedFiles(folder.path)).toBe(false);
  },
);
