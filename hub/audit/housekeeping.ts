// A folder of files that are closed arrives; they leave packed, and the oldest leave for good, with a note of each.

import { unlink } from 'node:fs/promises';

import type { AuditLimits } from './limits.ts';
import type { LoggedEntry } from './line.ts';
import { readEnd } from './segment-end.ts';
import { hashOf, listSegments, pack, sweepParts, type SegmentFile } from './segment-files.ts';

export interface Housekeeping {
  readonly folder: string;
  readonly limits: Pick<AuditLimits, 'files' | 'keptMs'>;
  readonly now: () => Date;
  /** On the disk when it resolves: a file goes only after the note that it goes. */
  readonly note: (entry: LoggedEntry) => Promise<void>;
}

/** Several processes may do it at the same time, and each may be killed at any moment. */
export async function keepHouse(house: Housekeeping): Promise<void> {
  await sweepParts(house.folder, house.now());
  const segments = await listSegments(house.folder);
  // The youngest is being written.
  for (const segment of segments.slice(0, -1)) {
    if (!segment.isPacked) await unlessGone(pack(house.folder, segment));
  }
  await trim(house);
}

async function trim(house: Housekeeping): Promise<void> {
  const closed = (await listSegments(house.folder)).slice(0, -1);
  for (const [place, segment] of closed.entries()) {
    const isTooMany = closed.length - place > house.limits.files;
    if (!isTooMany && !(await isTooOld(segment, house))) return;
    await unlessGone(remove(house, segment));
  }
}

/** By its last line: whoever touches files must not make them younger. */
async function isTooOld(segment: SegmentFile, { now, limits }: Housekeeping): Promise<boolean> {
  const ended = (await readEnd(segment)).endedAt;
  return ended !== undefined && now().getTime() - ended.getTime() > limits.keptMs;
}

/** The note tells `verify` that nobody else took the file away, and what was in it. */
async function remove(house: Housekeeping, segment: SegmentFile): Promise<void> {
  await house.note({
    event: 'audit.trimmed',
    actor: 'system',
    target: String(segment.number),
    result: 'ok',
    reason: `sha256 ${await hashOf(segment)}`,
  });
  await unlink(segment.path);
}

/** Another process was quicker. */
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
