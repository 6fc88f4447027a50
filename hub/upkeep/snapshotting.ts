// A database that is about to change for good arrives; a snapshot of it leaves, beside the data, before anything is touched.

import { version } from '../../shared/version.ts';
import { sealingFile } from '../backup/kept-files.ts';
import { makeBackup, type MadeBackup } from '../backup/make-backup.ts';
import {
  pruneSnapshots,
  snapshotLock,
  snapshotPath,
  type SnapshotReason,
} from '../backup/snapshots.ts';
import type { HubConfig } from '../config.ts';
import { dumpOf, type FoundServer } from '../db/connect.ts';
import { shownForBackup } from '../settings/shown-settings.ts';

/** @throws BackupError backup.storage: then the change must not happen */
export async function takeSnapshot(
  config: HubConfig,
  connection: FoundServer['connection'],
  reason: SnapshotReason,
): Promise<MadeBackup> {
  const { dataDir, hubHost, shown } = config;
  const madeAt = new Date();
  const dump = await dumpOf(connection);
  try {
    const facts = { version, reason, hub_host: hubHost, settings: shownForBackup(shown) };
    const contents = { dump, files: sealingFile(dataDir), facts, madeAt };
    const path = snapshotPath(dataDir, madeAt, reason);
    const made = await makeBackup(path, contents, await snapshotLock(dataDir));
    await pruneSnapshots(dataDir, config.backup.snapshots);
    return made;
  } finally {
    await dump.close();
  }
}
