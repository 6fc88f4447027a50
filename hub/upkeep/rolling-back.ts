// The name of a snapshot arrives, or none; the hub has the state that it had then, in the tables of the version that ran then.

import type { Logger } from '../../shared/log.ts';
import { verifyArchive } from '../backup/archive-reader.ts';
import { BackupError } from '../backup/backup-error.ts';
import type { Manifest } from '../backup/manifest.ts';
import { listSnapshots, snapshotKeys, type Snapshot } from '../backup/snapshots.ts';
import type { HubConfig } from '../config.ts';
import { openServer } from '../db/connect.ts';
import { lostSince, type Loss } from '../db/lost-since.ts';
import { restore, type Restored } from './restoring.ts';

export interface Plan {
  readonly snapshot: Snapshot;
  readonly manifest: Manifest;
  /** What was written down since. */
  readonly lost: readonly Loss[];
}

/** Changes nothing. @throws BackupError backup.unknown | backup.damaged | backup.no-key, DatabaseError */
export async function planRollback(
  config: HubConfig,
  wanted: string | undefined,
  log: Logger,
): Promise<Plan> {
  const { dataDir } = config;
  const snapshot = await chosen(dataDir, wanted);
  const manifest = await verifyArchive(snapshot.path, await snapshotKeys(dataDir));
  const settings = { url: config.databaseUrl?.reveal(), dataDir };
  const server = await openServer(settings, { purpose: 'command', log });
  try {
    return { snapshot, manifest, lost: await lostSince(server.connection, manifest.made_at) };
  } finally {
    await server.close();
  }
}

/** Needs a hub that is stopped. @throws BackupError, DatabaseError */
export async function rollBack(
  config: HubConfig,
  { snapshot }: Plan,
  log: Logger,
): Promise<Restored> {
  const keys = await snapshotKeys(config.dataDir);
  const file = snapshot.path;
  const order = { file, keys, replaces: true, isForward: false, reason: 'rollback' } as const;
  return restore(config, order, log);
}

/** Without a name: before the last migration, which is what somebody regrets. */
async function chosen(dataDir: string, wanted: string | undefined): Promise<Snapshot> {
  const snapshots = await listSnapshots(dataDir);
  const found =
    wanted === undefined
      ? snapshots.find(({ reason }) => reason === 'migration')
      : snapshots.find(({ id }) => id === wanted);
  if (found !== undefined) return found;
  throw new BackupError(
    'backup.unknown',
    wanted === undefined
      ? `No snapshot in ${dataDir} was taken before a migration: phlix-hub rollback --list shows what there is, and phlix-hub restore takes a backup.`
      : `There is no snapshot ${wanted} in ${dataDir}: phlix-hub rollback --list shows them.`,
  );
}
