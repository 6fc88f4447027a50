import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { silent } from '../../test/support/databases.ts';
import { temporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts';
import { backupName } from './backup-folder.ts';
import { BackupScheduler, type BackupTurns } from './scheduler.ts';

let place: TemporaryFolder;
let ours: string;
let now: Date;
let made: Date[];
let failure: Error | undefined;
let turns: Turns;

beforeEach(() => {
  place = temporaryFolder('scheduler');
  ours = join(place.path, 'backups');
  mkdirSync(ours);
  now = new Date('2026-11-22T03:30:20Z');
  made = [];
  failure = undefined;
  turns = new Turns();
});
afterEach(() => place.remove());

/** What hub/db/backup-turns.ts does, in memory. */
class Turns implements BackupTurns {
  readonly #taken = new Map<number, number>();

  async take(due: Date, at: Date): Promise<boolean> {
    const before = this.#taken.get(due.getTime());
    if (before !== undefined && at.getTime() - before < 3_600_000) return false;
    this.#taken.set(due.getTime(), at.getTime());
    return true;
  }

  async settle(due: Date): Promise<void> {
    this.#taken.set(due.getTime(), Infinity);
  }
}

function scheduler(folder = ours): BackupScheduler {
  return new BackupScheduler({
    schedule: { minutes: 210 },
    kept: { daily: 2, weekly: 0, monthly: 0 },
    folder,
    turns,
    make: async (at) => {
      if (failure !== undefined) throw failure;
      const path = join(folder, backupName(at, 'schedule', false));
      writeFileSync(path, 'a backup');
      made.push(at);
      return { path, at, bytes: 8, tables: 0, rows: 0, files: 0 };
    },
    log: silent,
    now: () => now,
  });
}

async function look(one = scheduler()): Promise<void> {
  one.look();
  await one.stop();
}

describe('a scheduled backup', () => {
  test('is made when it is due, and once', async () => {
    await look();
    now = new Date('2026-11-22T03:31:20Z');
    await look();
    expect(made).toEqual([new Date('2026-11-22T03:30:20Z')]);
  });

  test('is not made twice by two processes, with one folder or two', async () => {
    const other = temporaryFolder('scheduler');
    await Promise.all([look(), look(), look(scheduler(other.path))]);
    now = new Date('2026-11-22T09:00:00Z');
    await look(scheduler(other.path));
    expect(made.length).toBe(1);
    other.remove();
  });

  test('that was missed while no hub ran is made up for', async () => {
    writeFileSync(join(ours, backupName(new Date('2026-11-20T03:30:00Z'), 'schedule', false)), '');
    now = new Date('2026-11-22T17:00:00Z');
    await look();
    expect(made).toEqual([now]);
  });

  test('that failed is tried again an hour later, and not before', async () => {
    failure = new Error('no space left on device');
    await look();
    failure = undefined;
    now = new Date('2026-11-22T04:29:00Z');
    await look();
    expect(made).toEqual([]);
    now = new Date('2026-11-22T04:31:00Z');
    await look();
    expect(made).toEqual([now]);
  });

  test('leaves as many as are to be kept, and what was made by hand', async () => {
    const byHand = backupName(new Date('2026-01-01T00:00:00Z'), 'hand', false);
    writeFileSync(join(ours, byHand), 'mine');
    for (const day of ['20', '21', '22', '23']) {
      now = new Date(`2026-11-${day}T03:31:00Z`);
      await look();
    }
    expect(readdirSync(ours).toSorted((a, b) => a.localeCompare(b))).toEqual([
      byHand,
      'phlix-hub-scheduled-20261122T033100Z.tar.age',
      'phlix-hub-scheduled-20261123T033100Z.tar.age',
    ]);
  });
});
