// What can be wrong with a backup, or in the way of one, arrives here as a code; one sentence with its remedy leaves.

import { CodedError } from '../../shared/errors.ts';

export type BackupErrorCode =
  /** It would not be encrypted, or is not, and nobody asked for plain text. */
  | 'backup.plain'
  /** It is encrypted, and nothing was given that could open it. */
  | 'backup.no-key'
  /** What was given does not open it. */
  | 'backup.wrong-key'
  /** Bytes were changed or are missing, or it never was a backup of this program. */
  | 'backup.damaged'
  /** A later version has made it. */
  | 'backup.newer'
  /** There is something already where it would go. */
  | 'backup.not-empty'
  | 'backup.exists'
  /** No such file, or no such snapshot. */
  | 'backup.unknown'
  /** The file system did not do what it was asked to. */
  | 'backup.storage';

export class BackupError extends CodedError<BackupErrorCode> {}

/** The sentence for a file system that refused: full, read-only, somebody else's. */
export function storageFailure(path: string, cause: unknown): BackupError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BackupError(
    'backup.storage',
    `${path} cannot be written or read (${why}): make room on the disk, and run this as the user that the hub runs as.`,
    { cause },
  );
}

export function damaged(what: string): string {
  return `This backup cannot be used: ${what}. Nothing was changed; take another one.`;
}
