// A database that is about to change for good arrives; a snapshot of it leaves, beside the data, before anything is touched.

import { rm } from 'node:fs/promises';

import { version } from '../../shared/version.ts';
import { sealingFile } from '../backup/kept-files.ts';
import { makeBackup, type MadeBackup } from '../backup/make-backup.ts';
import {
  freeSnapshotPath,
  pruneSnapshots,
  snapshotLock,
  type SnapshotReason,
} from '../backup/snapshots.ts';
import type { HubConfig } from '../config.ts';
import { dumpOf, type FoundServer } from '../db/connect.ts';
import { shownForBackup } from '../settings/shown-settings.ts';

/**
 * `spared`: the file that the change will be read from, which must not go to make room.
 * @throws BackupError backup.storage: then the change must not happen
 */
export async function takeSnapshot(
  config: HubConfig,
  connection: FoundServer['connection'],
  reason: SnapshotReason,
  spared?: string,
): Promise<MadeBackup> {
  const { dataDir, hubHost, shown } = config;
  const madeAt = new Date();
  const dump = await dumpOf(connection);
  try {
    const facts = { version, reason, hub_host: hubHost, settings: shownForBackup(shown) };
    const contents = { dump, files: sealingFile(dataDir), facts, madeAt };
    const path = await freeSnapshotPath(dataDir, madeAt, reason);
    const made = await makeBackup(path, contents, await snapshotLock(dataDir));
    const room = reason === 'migration' ? roomForTries : 0;
    await pruneSnapshots(dataDir, config.backup.snapshots + room, spared);
    return made;
  } finally {
    await dump.close();
  }
}

/**
 * A hub that starts again and again, and cannot change its tables, must not push out older states. When nothing was changed the
 * snapshot is of what is there, and goes; older ones go for it only when the tables were changed.
 */
export async function settleSnapshot(
  { dataDir, backup }: HubConfig,
  path: string,
  isChanged: boolean,
): Promise<void> {
  if (isChanged) await pruneSnapshots(dataDir, backup.snapshots);
  else await rm(path, { force: true });
}

/** Snapshots of tries that were killed stay until one succeeds. More would fill the disk. */
const roomForTries = 5;
