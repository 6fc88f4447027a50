// The words for backups arrive; where they go, for whom, when, and how many stay leaves, or what is wrong with them.

import { join } from 'node:path';

import { z } from 'zod';

import { choice, integer, list, path, setting } from '../../shared/settings/kinds.ts';
import { isPlaceholder, Secret } from '../../shared/settings/secret.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import type { Lock } from '../backup/encryption.ts';
import { isRecipient } from '../backup/recipient.ts';
import type { Kept } from '../backup/retention.ts';
import { parseSchedule, type Schedule } from '../backup/schedule.ts';

/** A quarter of what the library would spend on each guess (hub/backup/encryption.ts): what is short is found. */
const minPassphraseLength = 16;

const passphrase = setting(
  {
    expected: `a passphrase of your own with ${minPassphraseLength} characters or more`,
    remedy: 'make one with: openssl rand -base64 24',
  },
  (text) =>
    text.length < minPassphraseLength || isPlaceholder(text) ? undefined : new Secret(text),
);

const recipients = list(
  {
    expected: 'public keys of age that begin with age1, separated by commas',
    remedy: 'make one with: phlix-hub backup keygen',
  },
  (item) => (isRecipient(item) ? item : undefined),
);

const schedule = setting(
  { expected: 'daily HH:MM, or off', remedy: 'write daily 03:30; the time is UTC' },
  parseSchedule,
);

const kept = setting(
  {
    expected: 'how many daily, weekly and monthly backups stay',
    remedy: 'write three numbers: 7/4/6',
  },
  (text): Kept | undefined => {
    const match = /^(\d{1,3})\/(\d{1,3})\/(\d{1,3})$/.exec(text.trim());
    if (match === null) return undefined;
    const [, daily, weekly, monthly] = match.map(Number);
    return { daily: daily ?? 0, weekly: weekly ?? 0, monthly: monthly ?? 0 };
  },
);

export const backupSettings = {
  HUB_BACKUP_DIR: path().optional(),
  HUB_BACKUP_RECIPIENT: recipients.optional(),
  HUB_BACKUP_PASSPHRASE: passphrase.optional(),
  HUB_BACKUP_SCHEDULE: z
    .union([choice(['off']), schedule], { error: 'expected daily HH:MM, or off' })
    .optional(),
  HUB_BACKUP_KEEP: kept.default({ daily: 7, weekly: 4, monthly: 6 }),
  /** Each is as large as a backup without the audit log; three upgrades back is further than anybody goes. */
  HUB_SNAPSHOT_KEEP: integer(1, 100).default(3),
} as const;

type Settings = z.output<z.ZodObject<typeof backupSettings>>;

export interface BackupSettings {
  readonly folder: string;
  /** Undefined: nobody said, so nothing is made that all could read. */
  readonly lock: Lock | undefined;
  readonly passphrase: Secret | undefined;
  /** Undefined: only when somebody asks. */
  readonly schedule: Schedule | undefined;
  readonly kept: Kept;
  readonly snapshots: number;
}

/** Whoever says for whom wants them made. */
const usualSchedule = { minutes: 3 * 60 + 30 };

export function backupOf(settings: Settings, dataDir: string): BackupSettings {
  const lock = lockOf(settings);
  const { HUB_BACKUP_SCHEDULE: wanted = lock === undefined ? 'off' : usualSchedule } = settings;
  return {
    folder: settings.HUB_BACKUP_DIR ?? join(dataDir, 'backups'),
    lock,
    passphrase: settings.HUB_BACKUP_PASSPHRASE,
    schedule: wanted === 'off' ? undefined : wanted,
    kept: settings.HUB_BACKUP_KEEP,
    snapshots: settings.HUB_SNAPSHOT_KEEP,
  };
}

export function backupProblems(settings: Settings): SettingProblem[] {
  const lock = lockOf(settings);
  const { HUB_BACKUP_SCHEDULE: wanted } = settings;
  if (settings.HUB_BACKUP_RECIPIENT !== undefined && settings.HUB_BACKUP_PASSPHRASE !== undefined)
    return [
      {
        name: 'HUB_BACKUP_PASSPHRASE',
        expected: 'HUB_BACKUP_RECIPIENT or HUB_BACKUP_PASSPHRASE, not both',
        remedy: 'take one of them away: a file of age is for keys or for a passphrase',
      },
    ];
  if (wanted === undefined || wanted === 'off' || lock !== undefined) return [];
  return [
    {
      name: 'HUB_BACKUP_SCHEDULE',
      expected: 'HUB_BACKUP_RECIPIENT or HUB_BACKUP_PASSPHRASE beside it: backups are encrypted',
      remedy: 'make a key with: phlix-hub backup keygen, and set HUB_BACKUP_RECIPIENT',
    },
  ];
}

function lockOf(settings: Settings): Lock | undefined {
  const { HUB_BACKUP_RECIPIENT: keys, HUB_BACKUP_PASSPHRASE: words } = settings;
  if (keys !== undefined) return { kind: 'recipients', recipients: keys };
  return words && { kind: 'passphrase', passphrase: words.reveal() };
}
