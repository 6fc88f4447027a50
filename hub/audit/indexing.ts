// Records that are written arrive; they leave for the index, also those that it missed while the database was away.

import type { Logger } from '../../shared/log.ts';
import type { AuditIndex } from './audit-index.ts';
import type { ChainRecord } from './chain.ts';
import { readLine } from './line.ts';
import { linesOf, listSegments, type SegmentFile } from './segment-files.ts';

export interface IndexingOptions {
  readonly folder: string;
  readonly index: AuditIndex;
  readonly log: Logger;
  /** Older ones are not wanted any more. */
  readonly since: () => Date;
}

/** Beyond this many the files are read again instead, when there is time. */
const maxWaiting = 20_000;

/** Parameters of one statement: 50 kB to 200 kB. */
const batch = 500;

export class Indexing {
  readonly #options: IndexingOptions;
  readonly #waiting: ChainRecord[] = [];
  #running: Promise<void> | undefined;
  #hasGap = false;

  constructor(options: IndexingOptions) {
    this.#options = options;
  }

  take(records: readonly ChainRecord[]): void {
    if (this.#waiting.length + records.length > maxWaiting) this.#hasGap = true;
    else this.#waiting.push(...records);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** What is missing is put in from the files. @throws whatever the database or the disk says */
  async fillGaps(): Promise<void> {
    await this.settled();
    this.#hasGap = false;
    for (const segment of await listSegments(this.#options.folder)) await this.#fill(segment);
  }

  get hasGap(): boolean {
    return this.#hasGap;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0)
        await this.#options.index.insert(this.#waiting.splice(0, batch));
    } catch (error) {
      this.#hasGap = true;
      this.#waiting.length = 0;
      this.#options.log.warn(
        { err: error },
        'the database did not take entries of the audit log: they are in its files, and are put in later',
      );
    } finally {
      this.#running = undefined;
    }
  }

  /** A file of which everything is there costs one question. */
  async #fill(segment: SegmentFile): Promise<void> {
    const { index } = this.#options;
    const since = this.#options.since();
    const records: ChainRecord[] = [];
    let chain: string | undefined;
    for await (const text of linesOf(segment)) {
      const line = readLine(text);
      chain = line?.chain ?? chain;
      if (line === undefined || chain === undefined || line.record.at < since) continue;
      records.push({ ...line.record, chain });
      if (records.length < batch) continue;
      await insertMissing(index, records.splice(0));
    }
    if (records.length > 0) await insertMissing(index, records);
  }
}

async function insertMissing(index: AuditIndex, records: readonly ChainRecord[]): Promise<void> {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return;
  const known = await index.count(first.chain, { first: first.seq, last: last.seq });
  if (known < records.length) await index.insert(records);
}
