// The time of day for backups arrives; at that time one of the hub's processes makes one, and tries again within the hour where it fails.

import { setTimeout as pause } from 'node:timers/promises';

import type { Logger } from '../../shared/log.ts';
import { listScheduled, tidy } from './backup-folder.ts';
import type { MadeBackup } from './make-backup.ts';
import { sweepDrafts } from './private-file.ts';
import type { Kept } from './retention.ts';
import { lastDue, type Schedule } from './schedule.ts';

/** Of all processes that share a database, on this host or on others. */
export interface BackupTurns {
  /** True: this process makes the backup that was due at `due`; for the next hour nobody else does. */
  take(due: Date, now: Date): Promise<boolean>;
  /** It is made, and nobody needs to make it again. */
  settle(due: Date, now: Date): Promise<void>;
}

export interface SchedulerParts {
  readonly schedule: Schedule;
  readonly kept: Kept;
  readonly folder: string;
  readonly turns: BackupTurns;
  /** Notes how it went, in the state, the audit log and to whom it concerns. */
  readonly make: (at: Date) => Promise<MadeBackup>;
  readonly log: Logger;
  readonly now?: () => Date;
}

/** A backup that was missed, since no hub ran, is made soon after the next start; not in the rush of agents that come back. */
const firstLookMs = 5000;
const lookEveryMs = 60_000;

/** A hub of a thousand servers is written in two seconds; a service manager waits for nobody for long. */
const stopPatienceMs = 5000;

export class BackupScheduler {
  readonly #parts: SchedulerParts;
  readonly #now: () => Date;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isBusy = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.look();
      this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
    }, firstLookMs).unref();
  }

  /** What is under way may take a moment more; what then breaks off leaves nothing that looks like a backup. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.race([this.#looking, pause(stopPatienceMs, undefined, { ref: false })]);
  }

  /** Now, if it is time; never two at once. */
  look(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#looking = this.#makeIfDue().finally(() => {
      this.#isBusy = false;
    });
  }

  /** Cannot reject. */
  async #makeIfDue(): Promise<void> {
    const { schedule, folder, turns, make, log } = this.#parts;
    const now = this.#now();
    const due = lastDue(schedule, now);
    try {
      // Those that somebody made by hand are no replacement: who knows where they went, and for whom.
      if ((await listScheduled(folder)).some(({ at }) => at >= due)) return;
      if (!(await turns.take(due, now))) return;
      const { path, bytes } = await make(now);
      log.info({ path, bytes }, 'scheduled backup made');
      await turns.settle(due, now);
      await this.#tidy(now);
    } catch (error) {
      log.error({ err: error }, 'scheduled backup failed: it is tried again within the hour');
    }
  }

  async #tidy(now: Date): Promise<void> {
    const { folder, kept, log } = this.#parts;
    const gone = await tidy(folder, kept);
    for (const { path } of gone) log.info({ path }, 'backup removed: its time is over');
    await sweepDrafts(folder, now);
  }
}
