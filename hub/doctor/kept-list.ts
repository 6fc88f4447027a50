// The newest signed list of holes arrives, and leaves again for the next process: a small file in the data folder, which its signature vouches for.

import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { replaceFile } from '../../shared/replaced-file.ts';

export interface SignedText {
  readonly content: Buffer;
  /** As minisign writes it. */
  readonly signature: string;
}

const kept = z.object({
  content: z.base64().transform((text) => Buffer.from(text, 'base64')),
  signature: z.string(),
});

/** Of a data folder. */
export function keptListPath(dataDir: string): string {
  return join(dataDir, 'advisory-list.json');
}

/** A damaged file is as good as none: the next list that is fetched takes its place. */
export async function readKept(path: string): Promise<SignedText | undefined> {
  try {
    return kept.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Where there is no data folder yet, or it is another user's, the list is remembered for the life of the process only. */
export async function keep(path: string, { content, signature }: SignedText): Promise<void> {
  const text = JSON.stringify({ content: content.toString('base64'), signature });
  await replaceFile(path, `${text}\n`).catch(() => undefined);
}
