// A case that fails arrives; a smaller one that still fails leaves.

import { Buffer } from 'node:buffer';

/** Enough for a case of a few KiB; each costs a visit of two milliseconds. */
const maxAttempts = 600;

export async function shrink(
  pieces: readonly Buffer[],
  fails: (pieces: readonly Buffer[]) => Promise<boolean>,
): Promise<readonly Buffer[]> {
  let smallest = Buffer.concat(pieces);
  // It needs its cuts: then they are part of what went wrong.
  if (!(await fails([smallest]))) return pieces;
  let attempts = 0;
  for (let width = smallest.length >> 1; width > 0 && attempts < maxAttempts; width >>= 1) {
    for (let at = 0; at < smallest.length && attempts < maxAttempts; attempts += 1) {
      const rest = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + width)]);
      if (await fails([rest])) smallest = rest;
      else at += width;
    }
  }
  return [smallest];
}
