// How the last backup went arrives, and leaves again for whoever asks in whichever process: a small file in the data folder.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { replaceFile } from '../../shared/replaced-file.ts';

export interface BackupState {
  /** When it was begun: what changed later is not in it. */
  readonly at: Date;
  readonly file: string;
  readonly ok: boolean;
  /** Why there is none; a sentence. */
  readonly error?: string;
}

const attempt = z.object({
  at: z.iso.datetime().transform((text) => new Date(text)),
  file: z.string(),
  error: z.string().optional(),
});
const kept = z.object({ last: attempt, good: attempt.optional() });

/** The last attempt, whether it came to something or not. Undefined: there was none, or nobody knows of it. */
export async function lastBackup(dataDir: string): Promise<BackupState | undefined> {
  const { last } = (await read(dataDir)) ?? {};
  return last && stateOf(last);
}

/** The last one that can be restored. */
export async function lastGoodBackup(dataDir: string): Promise<BackupState | undefined> {
  const { good } = (await read(dataDir)) ?? {};
  return good && stateOf(good);
}

/** Whole or not at all, whoever else writes at the same time. */
export async function noteBackup(dataDir: string, state: BackupState): Promise<void> {
  const former = await read(dataDir);
  const { at, file, ok, error } = state;
  const last = { at: at.toISOString(), file, ...(error === undefined ? {} : { error }) };
  const good = ok ? last : former?.good && { ...former.good, at: former.good.at.toISOString() };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await replaceFile(statePath(dataDir), `${JSON.stringify({ last, good })}\n`);
}

/** A damaged file is as good as none: the next backup writes it anew. */
async function read(dataDir: string): Promise<z.infer<typeof kept> | undefined> {
  try {
    return kept.parse(JSON.parse(await readFile(statePath(dataDir), 'utf8')));
  } catch {
    return undefined;
  }
}

function stateOf({ at, file, error }: z.infer<typeof attempt>): BackupState {
  return error === undefined ? { at, file, ok: true } : { at, file, ok: false, error };
}

function statePath(dataDir: string): string {
  return join(dataDir, 'backup-state.json');
}
