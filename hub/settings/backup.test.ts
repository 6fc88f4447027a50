import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { readSettings } from '../../shared/settings/settings.ts';
import { backupOf, backupProblems, backupSettings } from './backup.ts';

const recipient = 'age1xuzr738x22gc404t7g42h276mrnzpl8dvj3yrgg2m0z58alzzyhshe4a49';
const passphrase = 'a passphrase of many words';
const read = (environment: Record<string, string>) =>
  readSettings(z.object(backupSettings), environment);

test('without a key nothing is made by itself, and nothing is encrypted for nobody', () => {
  expect(backupOf(read({}), '/data')).toEqual({
    folder: '/data/backups',
    lock: undefined,
    passphrase: undefined,
    schedule: undefined,
    kept: { daily: 7, weekly: 4, monthly: 6 },
    snapshots: 3,
  });
});

test('with a key one is made every night', () => {
  const settings = backupOf(read({ HUB_BACKUP_RECIPIENT: `${recipient}, ${recipient}` }), '/data');
  expect(settings.lock).toEqual({ kind: 'recipients', recipients: [recipient, recipient] });
  expect(settings.schedule).toEqual({ minutes: 210 });
});

test('with a passphrase too, at another time and place, or never', () => {
  const words = { HUB_BACKUP_PASSPHRASE: passphrase, HUB_BACKUP_KEEP: '1/2/3' };
  const settings = backupOf(
    read({
      ...words,
      HUB_BACKUP_SCHEDULE: 'daily 23:15',
      HUB_BACKUP_DIR: '/mnt',
      HUB_SNAPSHOT_KEEP: '9',
    }),
    '/data',
  );
  expect(settings).toMatchObject({
    folder: '/mnt',
    lock: { kind: 'passphrase', passphrase },
    schedule: { minutes: 1395 },
    kept: { daily: 1, weekly: 2, monthly: 3 },
    snapshots: 9,
  });
  expect(
    backupOf(read({ ...words, HUB_BACKUP_SCHEDULE: 'off' }), '/data').schedule,
  ).toBeUndefined();
});

describe('is refused with its name:', () => {
  test.each([
    ['HUB_BACKUP_RECIPIENT', 'age1example'],
    ['HUB_BACKUP_RECIPIENT', `${recipient}x`],
    ['HUB_BACKUP_PASSPHRASE', 'short'],
    ['HUB_BACKUP_PASSPHRASE', 'changemechangemechangeme'],
    ['HUB_BACKUP_SCHEDULE', 'nightly'],
    ['HUB_BACKUP_KEEP', '7,4,6'],
    ['HUB_SNAPSHOT_KEEP', '0'],
  ])('%s=%s', (name, text) => {
    expect(() => read({ [name]: text })).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ name })] }),
    );
  });

  test('a schedule without a key', () => {
    const problems = backupProblems(read({ HUB_BACKUP_SCHEDULE: 'daily 03:30' }));
    expect(problems).toMatchObject([{ name: 'HUB_BACKUP_SCHEDULE' }]);
  });

  test('a key and a passphrase at once', () => {
    const both = { HUB_BACKUP_RECIPIENT: recipient, HUB_BACKUP_PASSPHRASE: passphrase };
    expect(backupProblems(read(both))).toMatchObject([{ name: 'HUB_BACKUP_PASSPHRASE' }]);
  });
});
