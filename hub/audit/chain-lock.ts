// Several processes want to write one chain; one at a time is let through, also after another was killed in the middle.

import { closeSync, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

import { AuditError } from './audit-error.ts';
import { leaveToOwner } from '../../shared/ownership.ts';

/** SQLITE_BUSY: somebody else has it. */
const busy = 5;

/** A write takes about a millisecond. */
const pauseMs = 5;

/**
 * A lock of the kernel's, which ends with its holder however that dies, and which holds between containers that share a
 * folder. Node has no flock; SQLite, which it brings along, locks its file in just this way, in 13 µs. Nothing is stored in it.
 */
export class ChainLock {
  readonly #path: string;
  readonly #database: DatabaseSync;

  /** @throws AuditError audit.folder */
  constructor(path: string) {
    this.#path = path;
    try {
      requireOwnFile(path);
      this.#database = new DatabaseSync(path, { timeout: 0 });
    } catch (error) {
      throw unlockable(path, error);
    }
  }

  /** @throws AuditError audit.locked when another process keeps it for longer than `patienceMs`, audit.folder */
  async hold<Result>(patienceMs: number, work: () => Promise<Result>): Promise<Result> {
    const deadline = performance.now() + patienceMs;
    while (!this.#take()) {
      if (performance.now() > deadline) {
        throw new AuditError(
          'audit.locked',
          `Another process has held ${this.#path} for ${patienceMs / 1000} s: it is frozen, or its disk is. What is noted waits; end that process if it does not go on.`,
        );
      }
      await wait(pauseMs);
    }
    try {
      return await work();
    } finally {
      this.#database.exec('COMMIT');
    }
  }

  close(): void {
    this.#database.close();
  }

  #take(): boolean {
    try {
      this.#database.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === busy) return false;
      throw unlockable(this.#path, error);
    }
  }
}

/** Closed again before SQLite opens it: whoever closes any file of that name loses the locks that his process has on it. */
function requireOwnFile(path: string): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      leaveToOwner(path, file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !lstatSync(path).isFile())
      throw error;
  }
}

function unlockable(path: string, cause: unknown): AuditError {
  return new AuditError(
    'audit.folder',
    `${path} cannot be locked: HUB_DATA_DIR must be on a disk that can be written to and that knows file locks (a network share may not).`,
    { cause },
  );
}
