// The files of an audit log arrive, and what the database remembers of them; what does not fit together leaves, by file and line.

import type { AuditIndex } from './audit-index.ts';
import { readLine, type ChainHead, type ReadLine } from './line.ts';
import { readEnd } from './segment-end.ts';
import { hashOf, linesOf, listSegments, type SegmentFile } from './segment-files.ts';

export interface Break {
  /** Undefined: what is wrong stands in no file. */
  readonly file: string | undefined;
  /** Counted from 1; undefined: the file as a whole. */
  readonly line: number | undefined;
  /** A sentence. */
  readonly what: string;
}

export interface Verification {
  readonly files: number;
  readonly lines: number;
  readonly head: ChainHead | undefined;
  /** Empty: nothing was changed, taken away or put in. The first ones only; one change may break much behind it. */
  readonly breaks: readonly Break[];
  /** Older ones that the hub itself took away when their time was over. */
  readonly trimmed: number;
}

/** Without an index the end of the log can be cut off unseen: nothing in the files knows how long they were. */
export async function verify(
  folder: string,
  index?: Pick<AuditIndex, 'last' | 'hashes'>,
): Promise<Verification> {
  const check = new Check(index);
  const segments = await listSegments(folder);
  for (const segment of segments) await check.read(segment, segment === segments.at(-1));
  return check.end();
}

/** More say no more: somebody has to look at the file. */
const maxBreaks = 20;

/** Lines that are compared with the database at a time. */
const comparedLines = 1000;

class Check {
  readonly #index: Pick<AuditIndex, 'last' | 'hashes'> | undefined;
  readonly #breaks: Break[] = [];
  /** Numbers of files that the log says it took away itself. */
  readonly #trimmed = new Set<number>();
  #firstNumber: number | undefined;
  #former: { segment: SegmentFile; isClosed: boolean } | undefined;
  #head: ChainHead | undefined;
  #chain: string | undefined;
  #files = 0;
  #lines = 0;
  #uncompared: { place: Place; head: ChainHead }[] = [];

  constructor(index: Pick<AuditIndex, 'last' | 'hashes'> | undefined) {
    this.#index = index;
  }

  async read(segment: SegmentFile, isYoungest: boolean): Promise<void> {
    this.#firstNumber ??= segment.number;
    this.#files += 1;
    this.#checkNeighbour(segment);
    let last: ReadLine | undefined;
    let number = 0;
    // Behind the last whole line of the youngest somebody is writing, or was killed when he was.
    const bytes = isYoungest ? (await readEnd(segment)).bytes : undefined;
    for await (const text of linesOf(segment, bytes)) {
      number += 1;
      const place = { file: segment.name, line: number };
      const line = readLine(text);
      if (line === undefined) this.#note(place, 'this is no line of the audit log');
      else await this.#checkLine(line, place);
      if (number === 1) await this.#checkOpening(segment, line);
      last = line;
    }
    this.#lines += number;
    await this.#compare();
    this.#former = { segment, isClosed: last?.record.event === 'segment.close' };
  }

  async end(): Promise<Verification> {
    const gone = (this.#firstNumber ?? 1) - 1;
    // Of the youngest that is gone: notes about older ones may have gone together with the files they stood in.
    if (gone > 0 && !this.#trimmed.has(gone))
      this.#note(
        { file: undefined, line: undefined },
        `the files before number ${this.#firstNumber} are gone, and the log does not say that the hub took them away`,
      );
    await this.#checkEnd();
    return {
      files: this.#files,
      lines: this.#lines,
      head: this.#head,
      breaks: this.#breaks.slice(0, maxBreaks),
      trimmed: gone,
    };
  }

  #note(place: Place, what: string): void {
    this.#breaks.push({ ...place, what });
  }

  /** Damage is named once: what follows is compared with what stands there. */
  async #checkLine(line: ReadLine, place: Place): Promise<void> {
    const { record, prev } = line;
    const former = this.#head;
    if (!line.isIntact) this.#note(place, 'it was changed: its hash is not that of its text');
    else if (former !== undefined && record.seq !== former.seq + 1)
      this.#note(place, gapText(former.seq, record.seq));
    else if (former !== undefined && prev !== former.hash)
      this.#note(place, 'it does not follow the line before: that one was changed or exchanged');
    if (record.event === 'segment.close' && line.closedHead !== prev)
      this.#note(place, 'the head that it closes is not that of the line before');
    if (record.event === 'audit.trimmed') this.#trimmed.add(Number(record.target));
    this.#head = { seq: record.seq, hash: record.hash };
    this.#uncompared.push({ place, head: this.#head });
    if (this.#uncompared.length >= comparedLines) await this.#compare();
  }

  #checkNeighbour({ number, name }: SegmentFile): void {
    if (this.#former === undefined) return;
    const { segment, isClosed } = this.#former;
    const place = { file: name, line: undefined };
    if (number !== segment.number + 1)
      this.#note(place, `the file before it is missing: number ${number - 1}`);
    else if (!isClosed)
      this.#note({ file: segment.name, line: undefined }, 'it was not closed: its end is missing');
  }

  async #checkOpening(segment: SegmentFile, line: ReadLine | undefined): Promise<void> {
    const place = { file: segment.name, line: 1 };
    if (line?.record.event !== 'segment.open')
      return this.#note(place, 'a file begins with segment.open: its beginning is missing');
    const former = this.#former?.segment;
    this.#chain = line.chain;
    if (former === undefined || former.number !== segment.number - 1) return undefined;
    if (line.previousFileHash !== (await hashOf(former)))
      this.#note(place, `${former.name} is not the file that was there when this one was begun`);
    return undefined;
  }

  async #compare(): Promise<void> {
    const lines = this.#uncompared.splice(0);
    const [first, last] = [lines[0]?.head.seq, lines.at(-1)?.head.seq];
    if (this.#index === undefined || this.#chain === undefined) return;
    if (first === undefined || last === undefined) return;
    const known = await this.#index.hashes(this.#chain, { first, last });
    for (const { place, head } of lines) {
      const remembered = known.get(head.seq);
      if (remembered !== undefined && remembered !== head.hash)
        this.#note(
          place,
          `the database remembers another line ${head.seq}: this one was written anew`,
        );
    }
  }

  async #checkEnd(): Promise<void> {
    if (this.#index === undefined || this.#chain === undefined) return;
    const last = await this.#index.last(this.#chain);
    if (last === undefined || last.seq <= (this.#head?.seq ?? 0)) return;
    this.#note(
      { file: this.#former?.segment.name, line: undefined },
      `its end is missing: the database knows lines up to ${last.seq}, the last one here is ${this.#head?.seq ?? 0}`,
    );
  }
}

type Place = Pick<Break, 'file' | 'line'>;

function gapText(former: number, seq: number): string {
  if (seq <= former) return `it is number ${seq} and stands behind ${former}: lines were exchanged`;
  const missing = seq - former - 1;
  const lines = missing === 1 ? `line ${former + 1} is` : `lines ${former + 1} to ${seq - 1} are`;
  return `${lines} missing before it`;
}
