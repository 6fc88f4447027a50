// Settings and an open database arrive; backups leave, made when somebody asks or at their time of day, and how each went is noted.

import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Logger } from '../../shared/log.ts';
import { version } from '../../shared/version.ts';
import type { Audit } from '../audit/audit.ts';
import { BackupError } from '../backup/backup-error.ts';
import { backupName } from '../backup/backup-folder.ts';
import { lastBackup, noteBackup } from '../backup/backup-state.ts';
import type { Lock } from '../backup/encryption.ts';
import { keptFiles } from '../backup/kept-files.ts';
import type { MadeBackup, makeBackup as MakeBackup } from '../backup/make-backup.ts';
import { BackupScheduler } from '../backup/scheduler.ts';
import type { HubConfig } from '../config.ts';
import type { Notices } from '../notices/notice.ts';
import type { Opened } from '../composition/opened.ts';
import { shownForBackup } from '../settings/shown-settings.ts';
import type { Stores } from '../composition/stores.ts';

export interface BackupWish {
  readonly by: 'schedule' | 'hand';
  readonly at: Date;
  /** Instead of what the settings say. */
  readonly lock?: Lock | undefined;
  readonly path?: string | undefined;
}

/** @throws BackupError, DatabaseError; that there is none is noted as well */
export async function backUp(
  config: HubConfig,
  stores: Pick<Stores, 'dump'>,
  { by, at, ...wish }: BackupWish,
): Promise<MadeBackup> {
  // What encrypts takes its time to load, and is needed once a day.
  const { makeBackup, requireLock } = await import('../backup/make-backup.ts');
  const lock = requireLock(wish.lock ?? config.backup.lock);
  const file = wish.path ?? join(config.backup.folder, backupName(at, by, lock.kind === 'plain'));
  try {
    if (wish.path !== undefined) await requireFolder(dirname(wish.path));
    const made = await write(config, stores, { by, at, lock, file, makeBackup });
    await noteBackup(config.dataDir, { at, file, ok: true });
    return made;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    await noteBackup(config.dataDir, { at, file, ok: false, error: why }).catch(() => undefined);
    throw error;
  }
}

/**
 * One that somebody names and that is not there is made for nobody: most often it is that of a disk which is not mounted, and
 * the backup would lie on the disk that it is to outlive.
 * @throws BackupError backup.storage
 */
async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new BackupError(
    'backup.storage',
    `There is no folder ${folder}: mount its disk, or make it (mkdir ${folder}), and ask again.`,
  );
}

interface Ordered {
  readonly by: BackupWish['by'];
  readonly at: Date;
  readonly lock: Lock;
  readonly file: string;
  readonly makeBackup: typeof MakeBackup;
}

async function write(
  config: HubConfig,
  stores: Pick<Stores, 'dump'>,
  { by, at, lock, file, makeBackup }: Ordered,
): Promise<MadeBackup> {
  const { dataDir, hubHost, shown } = config;
  const dump = await stores.dump();
  try {
    const contents = {
      dump,
      files: keptFiles({ dataDir, secretKey: secretTextOf(config), tlsFiles: tlsFilesOf(config) }),
      facts: { version, reason: by, hub_host: hubHost, settings: shownForBackup(shown) },
      madeAt: at,
    };
    return await makeBackup(file, contents, lock);
  } finally {
    await dump.close();
  }
}

/** Where HUB_BACKUP_SCHEDULE says so. Stops with the hub, after what is under way. */
export function startBackups(config: HubConfig, parts: BackupParts): void {
  const { schedule, kept, folder } = config.backup;
  if (schedule === undefined) return;
  const { stores, log, opened } = parts;
  const scheduler = new BackupScheduler({
    schedule,
    kept,
    folder,
    turns: stores.backupTurns,
    make: async (at) => noted(config, parts, at),
    log,
  });
  opened.add(async () => scheduler.stop());
  scheduler.start();
}

export interface BackupParts {
  readonly stores: Stores;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly log: Logger;
  readonly opened: Opened;
}

async function noted(
  config: HubConfig,
  { stores, audit, notices }: BackupParts,
  at: Date,
): Promise<MadeBackup> {
  const entry = { actor: 'system', method: 'schedule' } as const;
  const before = await lastBackup(config.dataDir);
  try {
    const made = await backUp(config, stores, { by: 'schedule', at });
    audit.note({ ...entry, event: 'admin.backup-made', target: made.path, result: 'ok' });
    return made;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { file: target } = (await lastBackup(config.dataDir)) ?? {};
    audit.note({ ...entry, event: 'admin.backup-failed', target, result: 'failed', reason });
    // Each further hour that it fails is no news.
    if (before?.ok !== false)
      notices.tell({ kind: 'backup.failed', to: { kind: 'admins' }, facts: { reason } });
    throw error;
  }
}

/** As it was set, so that it opens again what it sealed. */
function secretTextOf({ secretKeys }: HubConfig): string | undefined {
  return secretKeys?.map((key) => key.reveal()).join(',');
}

function tlsFilesOf({ tls }: HubConfig): { path: string; name: string }[] {
  if (tls.kind !== 'files') return [];
  return tls.pairs.flatMap(({ chainPath, keyPath }, index) => [
    { path: chainPath, name: `tls/certificate-${index}.pem` },
    { path: keyPath, name: `tls/key-${index}.pem` },
  ]);
}
