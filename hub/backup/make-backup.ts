// What a backup is to hold, whom it is for and where it goes arrive; the file leaves, whole and encrypted, or the reason why there is none.

import { archive, type Contents, type Written } from './archive-writer.ts';
import { BackupError, storageFailure } from './backup-error.ts';
import type { Lock } from './encryption.ts';
import { writeWhole } from './private-file.ts';

export interface MadeBackup extends Written {
  readonly path: string;
  readonly at: Date;
  readonly bytes: number;
}

/** @throws BackupError backup.exists | backup.storage, and what the database throws */
export async function makeBackup(
  path: string,
  contents: Contents,
  lock: Lock,
): Promise<MadeBackup> {
  const outcome: { written?: Written } = {};
  const plain = archive(contents, (written) => {
    outcome.written = written;
  });
  // Only now: its library is sixty files, for which neither a start nor a command shall wait.
  const { encrypted } = await import('./encryption.ts');
  const { size } = await writeWhole(path, await encrypted(plain, lock));
  const { written } = outcome;
  // The archive ends after it was told of: an end without that is none.
  if (written === undefined) throw storageFailure(path, new Error('the archive broke off'));
  return { path, at: contents.madeAt, bytes: size, ...written };
}

/** @throws BackupError backup.plain: where nobody says for whom, nobody gets one that all can read */
export function requireLock(lock: Lock | undefined): Lock {
  if (lock !== undefined) return lock;
  throw new BackupError(
    'backup.plain',
    'A backup holds every key of this hub, so it is encrypted: set HUB_BACKUP_RECIPIENT (phlix-hub backup keygen makes a key) or HUB_BACKUP_PASSPHRASE, or insist on plain text with --insecure-plain.',
  );
}
