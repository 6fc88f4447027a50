// Entries arrive from one process of several; they leave as lines at the end of the one chain that all of them write.

import { randomUUIDv7 } from 'node:crypto';
import { chmod, mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { AuditError } from './audit-error.ts';
import { ChainLock } from './chain-lock.ts';
import { lockPatienceMs, type AuditLimits } from './limits.ts';
import {
  beginning,
  closeLine,
  entryLine,
  openLine,
  type AuditRecord,
  type ChainHead,
  type Line,
  type LoggedEntry,
} from './line.ts';
import { leaveFolderToOwner } from '../../shared/ownership.ts';
import { cutUnfinished, readEnd, type SegmentEnd } from './segment-end.ts';
import {
  createWhole,
  hashOf,
  listSegments,
  segmentName,
  type SegmentFile,
} from './segment-files.ts';

export interface ChainOptions {
  readonly folder: string;
  readonly limits: Pick<AuditLimits, 'fileBytes'>;
  readonly now: () => Date;
  readonly lockPatienceMs?: number;
}

/** Noted then, written now. */
export interface DatedEntry {
  readonly entry: LoggedEntry;
  readonly at: Date;
}

/** With the id of its chain: a folder that was lost begins another one, and a database may know several. */
export interface ChainRecord extends AuditRecord {
  readonly chain: string;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly file: FileHandle;
  readonly inode: number;
  /** As far as this process knows what stands in it. */
  bytes: number;
  /** When it was begun. */
  readonly day: string;
}

/** One per process; its calls must not overlap. */
export class Chain {
  readonly #options: ChainOptions;
  readonly #lock: ChainLock;
  #segment: Segment | undefined;
  /** The file that the next one has to name. */
  #former: SegmentFile | undefined;
  #head: ChainHead = beginning;
  #id: string | undefined;
  /** What the log has to say about itself with the next write. */
  #findings: string[] = [];
  /** Written, and not told to the caller yet. */
  #records: ChainRecord[] = [];

  /** @throws AuditError audit.folder */
  static async open(options: ChainOptions): Promise<Chain> {
    try {
      await mkdir(options.folder, { recursive: true, mode: 0o700 });
      await chmod(options.folder, 0o700);
      leaveFolderToOwner(options.folder);
    } catch (error) {
      throw unwritable(options.folder, error);
    }
    return new Chain(options, new ChainLock(join(options.folder, 'lock')));
  }

  private constructor(options: ChainOptions, lock: ChainLock) {
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * In this order, and on the disk when it resolves, with the lines that begin and end files between them.
   * @throws AuditError audit.locked | audit.folder; none of them was written then, so they can be given again
   */
  async append(entries: readonly DatedEntry[]): Promise<ChainRecord[]> {
    return this.#lock.hold(this.#options.lockPatienceMs ?? lockPatienceMs, async () => {
      try {
        await this.#catchUp();
        const segment = await this.#segmentWithRoom();
        await this.#write(segment, [...this.#takeFindings(), ...entries]);
        return this.#records.splice(0);
      } catch (error) {
        throw error instanceof AuditError ? error : unwritable(this.#options.folder, error);
      }
    });
  }

  async close(): Promise<void> {
    await this.#segment?.file.close();
    this.#segment = undefined;
    this.#lock.close();
  }

  #takeFindings(): DatedEntry[] {
    const at = this.#options.now();
    return this.#findings.splice(0).map((reason) => ({
      entry: { event: 'audit.recovered', actor: 'system', result: 'ok', reason },
      at,
    }));
  }

  async #write(segment: Segment, entries: readonly DatedEntry[]): Promise<void> {
    const lines: Line[] = [];
    for (const { entry, at } of entries)
      lines.push(entryLine(entry, at, lines.at(-1)?.record ?? this.#head));
    await this.#persist(segment, lines);
  }

  async #persist(segment: Segment, lines: readonly Line[]): Promise<void> {
    const bytes = Buffer.from(lines.map(({ text }) => text).join(''));
    try {
      const { bytesWritten } = await segment.file.write(bytes, 0, bytes.length, segment.bytes);
      if (bytesWritten < bytes.length) throw new Error('the disk took only a part of it');
      await segment.file.datasync();
    } catch (error) {
      // Half of a line must not stay: the next ones would be glued to it.
      await segment.file.truncate(segment.bytes).catch(() => undefined);
      throw error;
    }
    segment.bytes += bytes.length;
    this.#follow(lines);
  }

  #follow(lines: readonly Line[]): void {
    const chain = this.#id ?? '';
    for (const { record } of lines) this.#records.push({ ...record, chain });
    this.#head = lines.at(-1)?.record ?? this.#head;
  }

  /** What other processes have written since, or left undone. */
  async #catchUp(): Promise<void> {
    const known = this.#segment;
    if (known !== undefined && (await this.#isAsLeft(known))) return;
    await known?.file.close();
    this.#segment = undefined;
    const last = (await listSegments(this.#options.folder)).at(-1);
    if (last === undefined) {
      if (known !== undefined) this.#findings.push('all files of the log were taken away');
      return;
    }
    const end = await readEnd(last);
    await cutUnfinished(last, end);
    this.#former = last;
    this.#id = end.chain ?? this.#id;
    this.#adoptHead(last, end, known);
    if (!end.isClosed && end.head !== undefined) this.#segment = await opened(last, end);
  }

  async #isAsLeft({ number, path, inode, bytes }: Segment): Promise<boolean> {
    const next = join(this.#options.folder, segmentName(number + 1));
    const [there, follows] = await Promise.all([statOf(path), statOf(next)]);
    return there?.ino === inode && there.size === bytes && follows === undefined;
  }

  /** Lines that this process knows and the file does not have were taken away by somebody: the gap must show. */
  #adoptHead({ name }: SegmentFile, end: SegmentEnd, known: Segment | undefined): void {
    if (end.unfinishedBytes > 0)
      this.#findings.push(
        `${end.unfinishedBytes} bytes of an unfinished line were cut off ${name}`,
      );
    if (end.head === undefined)
      this.#findings.push(`${name} ends with what is no line of this log`);
    else if (end.head.seq >= this.#head.seq) this.#head = end.head;
    else this.#findings.push(`${name} has lost lines: ${this.#head.seq} was the last one`);
    const isReplaced =
      known !== undefined && known.path.endsWith(name) && known.inode !== end.inode;
    if (isReplaced) this.#findings.push(`${name} was replaced by another file`);
  }

  async #segmentWithRoom(): Promise<Segment> {
    const current = this.#segment;
    if (current === undefined) return this.#begin();
    const isFull = current.bytes >= this.#options.limits.fileBytes;
    if (!isFull && current.day === dayOf(this.#options.now())) return current;
    await this.#persist(current, [closeLine(this.#options.now(), this.#head)]);
    await current.file.close();
    this.#segment = undefined;
    return this.#begin();
  }

  /** Whoever is killed before the new file has its name leaves a closed one behind, and the next writer begins here again. */
  async #begin(): Promise<Segment> {
    const { folder, now } = this.#options;
    const former = this.#former;
    const number = (former?.number ?? 0) + 1;
    const name = segmentName(number);
    this.#id ??= randomUUIDv7();
    const previousFileHash = former === undefined ? undefined : await hashOf(former);
    const line = openLine({ chain: this.#id, previousFileHash }, now(), this.#head);
    await createWhole(folder, name, line.text);
    this.#follow([line]);
    const made = { number, name, path: join(folder, name), isPacked: false };
    this.#former = made;
    this.#segment = await opened(made, await readEnd(made));
    return this.#segment;
  }
}

async function opened({ number, path }: SegmentFile, end: SegmentEnd): Promise<Segment> {
  const file = await open(path, 'r+');
  const { inode, bytes, begunAt } = end;
  return { number, path, file, inode, bytes, day: dayOf(begunAt ?? new Date(0)) };
}

/** In UTC: a day that is an hour longer twice a year would be nobody's wish. */
function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

async function statOf(path: string): Promise<{ ino: number; size: number } | undefined> {
  return stat(path).catch(() => undefined);
}

function unwritable(folder: string, cause: unknown): AuditError {
  return new AuditError(
    'audit.folder',
    `The audit log in ${folder} cannot be written (${cause instanceof Error ? cause.message : String(cause)}): make room on the disk, and give the folder to the user that runs the hub.`,
    { cause },
  );
}
