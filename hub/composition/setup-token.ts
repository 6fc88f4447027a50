// A hub that has no admin arrives; the way to become one leaves, in the log and in a file that only whoever has the machine can read (row A-23).

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from '../../shared/log.ts';
import type { Setup } from '../accounts/setup.ts';

interface SetupPlace {
  readonly dataDir: string;
  /** `https://hub.example.org`. */
  readonly publicUrl: string;
  readonly log: Logger;
}

/** A token that was shown before goes on while it lives: whoever copied it need not look again. */
export async function announceSetup(
  setup: Pick<Setup, 'token'>,
  { dataDir, publicUrl, log }: SetupPlace,
): Promise<void> {
  const file = setupTokenFile(dataDir);
  const former = await readFile(file, 'utf8').catch(() => undefined);
  const token = await setup.token(former?.trim());
  if (token === undefined) {
    await forgetSetupToken(dataDir);
    return;
  }
  if (token !== former?.trim()) await writeSecretly(file, `${token}\n`);
  // Behind the #: browsers keep that to themselves, so it reaches no log on the way.
  const address = `${publicUrl}/setup#${token}`;
  log.warn({ address, file }, 'nobody is admin of this hub: open the address to become it');
}

/** There is an admin now. */
export async function forgetSetupToken(dataDir: string): Promise<void> {
  await rm(setupTokenFile(dataDir), { force: true });
}

function setupTokenFile(dataDir: string): string {
  return join(dataDir, 'setup-token');
}

/** Never readable by others, not even for the moment between making it and closing it. */
async function writeSecretly(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await rm(draft, { force: true });
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
}
