// The state folder arrives; the number of this process among all that ever used it leaves, larger than that of any former one (rule P14).

import { join } from 'node:path';

import { readPrivate, writePrivate } from './credentials.ts';

/**
 * Milliseconds since 1970, so that a folder restored from a backup still counts on; a little more than the former number
 * where a clock went back. How much is chance: two copies of a folder whose clocks both went back must not meet in one
 * number, or each would put the other out for ever. Stored before it is used. @throws CredentialError
 */
export async function nextEpoch(
  folder: string,
  nowMs: number,
  random: () => number = Math.random,
): Promise<bigint> {
  const path = join(folder, 'epoch');
  const text = (await readPrivate(path))?.trim() ?? '';
  // Damaged: the clock alone decides, as it would for a new folder.
  const former = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  const now = BigInt(Math.max(1, Math.floor(nowMs)));
  const epoch = now > former ? now : former + 1n + BigInt(Math.floor(random() * maxStep));
  await writePrivate(path, `${epoch}\n`);
  return epoch;
}

/** A second, so that a clock that is right again is soon ahead of the number once more. */
const maxStep = 1000;
