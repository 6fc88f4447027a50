// Notes of every room arrive, at any pace; they leave as lines on the disk within a second, for the index, and for auth.log.

import { setTimeout as wait } from 'node:timers/promises';

import type { Logger } from '../../shared/log.ts';
import type { Audit, AuditEntry } from './audit.ts';
import { AuditError } from './audit-error.ts';
import type { AuditIndex, AuditPage, AuditQuery } from './audit-index.ts';
import { AuthLog } from './auth-log.ts';
import { Chain, type DatedEntry } from './chain.ts';
import type { AuditEvent } from './event.ts';
import { keepHouse } from './housekeeping.ts';
import { Indexing } from './indexing.ts';
import {
  batchEntries,
  findPatienceMs,
  flushDelayMs,
  maxQueued,
  retryDelayMs,
  type AuditLimits,
} from './limits.ts';
import type { LoggedEntry } from './line.ts';

export interface AuditLogOptions {
  readonly folder: string;
  /** Undefined: none is written. */
  readonly authLogPath: string | undefined;
  readonly limits: AuditLimits;
  readonly excluded: ReadonlySet<AuditEvent>;
  readonly index: AuditIndex;
  readonly log: Logger;
  readonly now?: () => Date;
  readonly lockPatienceMs?: number;
}

/** What monitoring sees. */
export interface AuditCounts {
  readonly written: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly waiting: number;
}

export class AuditLog implements Audit {
  readonly #options: AuditLogOptions;
  readonly #now: () => Date;
  readonly #chain: Chain;
  readonly #indexing: Indexing;
  readonly #authLog: AuthLog | undefined;
  #queue: Waiting[] = [];
  readonly #written = new Map<string, number>();
  #lost = 0;
  /** Since the log last said so. */
  #untold = 0;
  #flushing: Promise<void> | undefined;
  #isFailing = false;
  /** A former process may have been killed before its last entries reached the database. */
  #isUnfilled = true;
  #isClosed = false;
  #housework: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #onTrouble: (reason: string) => void = () => undefined;

  /** @throws AuditError audit.folder */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { folder, limits, lockPatienceMs } = options;
    const now = options.now ?? (() => new Date());
    const patience = lockPatienceMs === undefined ? {} : { lockPatienceMs };
    return new AuditLog(options, now, await Chain.open({ folder, limits, now, ...patience }));
  }

  private constructor(options: AuditLogOptions, now: () => Date, chain: Chain) {
    const { folder, index, log, limits, authLogPath } = options;
    this.#options = options;
    this.#now = now;
    this.#chain = chain;
    const since = (): Date => new Date(now().getTime() - limits.keptMs);
    this.#indexing = new Indexing({ folder, index, log, since });
    this.#authLog = authLogPath === undefined ? undefined : new AuthLog(authLogPath, log);
  }

  note(entry: AuditEntry): void {
    if (!this.#options.excluded.has(entry.event)) this.#take(entry);
  }

  /** Everything that was noted so far is on the disk, and in the index if the database answers; or it could not be written. */
  async flush(): Promise<void> {
    await (this.#flushing ?? Promise.resolve());
    await this.#indexing.settled();
    await this.#authLog?.settled();
  }

  /** In the index. Whoever asks finds what he did just before; a disk or a database that hangs keeps nobody waiting for long. */
  async find(query: AuditQuery): Promise<AuditPage> {
    await Promise.race([this.flush(), wait(findPatienceMs, undefined, { ref: false })]);
    return this.#options.index.find(query);
  }

  /** After auth.log was renamed by who rotates it. */
  reopen(): void {
    this.#authLog?.reopen();
  }

  /** Called once each time that the log begins to fail, and when entries were lost, with a sentence. */
  onTrouble(listener: (reason: string) => void): void {
    this.#onTrouble = listener;
  }

  get counts(): AuditCounts {
    const written = Object.fromEntries(this.#written);
    return { written, lost: this.#lost, waiting: this.#queue.length };
  }

  /** Packs, trims and fills the index, now and every hour: for the process that runs for long. */
  startHousekeeping(): void {
    this.#timer = setInterval(() => this.#keepHouse(), houseIntervalMs).unref();
    this.#keepHouse();
  }

  /** What is noted afterwards is lost. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.flush();
    await this.#housework;
    await this.#chain.close();
    await this.#authLog?.close();
  }

  #take(entry: LoggedEntry, onEnd?: (isWritten: boolean) => void): void {
    if (this.#isClosed || this.#queue.length >= maxQueued) {
      this.#lost += 1;
      this.#untold += 1;
      return onEnd?.(false);
    }
    this.#queue.push({ entry, at: this.#now(), onEnd });
    this.#flushing ??= this.#flushAll();
    return undefined;
  }

  /** Cannot reject. */
  async #flushAll(): Promise<void> {
    await wait(this.#isClosed ? 0 : flushDelayMs);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, batchEntries);
      if (await this.#write(batch)) continue;
      this.#queue = [...batch, ...this.#queue];
      // The disk may never come back, and a hub that ends does not wait for it.
      if (this.#isClosed) break;
      await wait(retryDelayMs, undefined, { ref: false });
    }
    this.#flushing = undefined;
    if (this.#isClosed) for (const { onEnd } of this.#queue) onEnd?.(false);
  }

  async #write(batch: readonly Waiting[]): Promise<boolean> {
    try {
      const records = await this.#chain.append([...this.#lossNote(), ...batch]);
      if (this.#untold > 0) this.#onTrouble(lossText(this.#untold));
      this.#untold = 0;
      if (this.#isFailing) this.#options.log.info('the audit log is written again');
      this.#isFailing = false;
      for (const { onEnd } of batch) onEnd?.(true);
      for (const { event } of records)
        this.#written.set(event, (this.#written.get(event) ?? 0) + 1);
      this.#authLog?.write(records);
      this.#indexing.take(records);
      if (records.some(({ event }) => event === 'segment.open')) this.#tidyAfterRotation();
      return true;
    } catch (error) {
      if (!this.#isFailing) {
        this.#options.log.error({ err: error }, 'the audit log cannot be written');
        this.#onTrouble(failureText(error));
      }
      this.#isFailing = true;
      return false;
    }
  }

  #lossNote(): DatedEntry[] {
    if (this.#untold === 0) return [];
    const reason = `${this.#untold} entries, while the disk did not answer`;
    return [
      {
        entry: { event: 'audit.lost', actor: 'system', result: 'failed', reason },
        at: this.#now(),
      },
    ];
  }

  #tidyAfterRotation(): void {
    if (this.#timer !== undefined) this.#keepHouse();
  }

  #keepHouse(): void {
    this.#housework = this.#housework.then(() => this.#tidy());
  }

  /** Cannot reject. */
  async #tidy(): Promise<void> {
    if (this.#isClosed) return;
    const { folder, limits, log, index } = this.#options;
    try {
      await keepHouse({
        folder,
        limits,
        now: this.#now,
        note: async (entry) => this.#noteSurely(entry),
      });
      await index.prune(new Date(this.#now().getTime() - limits.keptMs));
      if (this.#isUnfilled || this.#indexing.hasGap) await this.#indexing.fillGaps();
      this.#isUnfilled = false;
    } catch (error) {
      log.warn({ err: error }, 'the audit log could not be tidied: tried again within an hour');
    }
  }

  /** Resolves when it is on the disk. */
  async #noteSurely(entry: LoggedEntry): Promise<void> {
    const isWritten = await new Promise<boolean>((resolve) => this.#take(entry, resolve));
    if (!isWritten) throw new AuditError('audit.folder', 'The audit log is closing.');
  }
}

function failureText(error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  return `The audit log cannot be written, and keeps trying: ${why}`;
}

function lossText(count: number): string {
  return `The audit log is written again, but ${count} entries were lost meanwhile.`;
}

interface Waiting extends DatedEntry {
  readonly onEnd: ((isWritten: boolean) => void) | undefined;
}

const houseIntervalMs = 3_600_000;
