// Bytes that pass through fresh buffers are counted here; every few megabytes the young generation is collected, and they are free again.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * A relayed byte passes through three or four buffers outside V8's heap: records as read, messages put together, records
 * as written. At 64 MB of them V8 marks the whole heap, tens of milliseconds of processor time and fifty times a gigabyte:
 * half of all the hub did. Collecting the young objects that hold them takes under one, but by itself V8 does it only when
 * those objects, a few hundred bytes each, have filled 16 MB. 5 MiB of content are some 20 MB of buffers: far enough below
 * the limit that a sweep which comes late does not reach it.
 */
const turnoverBytes = 5 * 1024 * 1024;

/**
 * V8 also marks when the room it left for the old generation is smaller than the young one, 32 MB, and next to a heap of
 * 20 MB it leaves 24: it would mark for ever. Four times what lives is the most that V8 itself ever leaves.
 */
const heapGrowingPercent = 300;

let countedBytes = 0;
const collectYoung = youngCollector();

/** To be told of every chunk that a link carries, in either direction. */
export function countTurnover(bytes: number): void {
  countedBytes += bytes;
  if (countedBytes < turnoverBytes) return;
  countedBytes = 0;
  collectYoung();
}

function youngCollector(): () => void {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  return () => collect({ type: 'minor' });
}
