// The state folder arrives; the number of this process among all that ever used it leaves, larger than that of any former one (rule P14).

import { join } from 'node:path';

import { readPrivate, writePrivate } from './credentials.ts';

/**
 * Milliseconds since 1970, so that a folder restored from a backup still counts on; one more than the former number where
 * a clock went back. Stored before it is used. @throws CredentialError
 */
export async function nextEpoch(folder: string, nowMs: number): Promise<bigint> {
  const path = join(folder, 'epoch');
  const text = (await readPrivate(path))?.trim() ?? '';
  // Damaged: the clock alone decides, as it would for a new folder.
  const former = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  const now = BigInt(Math.max(1, Math.floor(nowMs)));
  const epoch = now > former ? now : former + 1n;
  await writePrivate(path, `${epoch}\n`);
  return epoch;
}
