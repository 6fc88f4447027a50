// What the commands about backups say arrives in numbers; words for people leave, and how a file's keys are named on the command line.

import { readFile } from 'node:fs/promises';

import type { Command } from 'commander';

import { BackupError } from '../backup/backup-error.ts';
import type { Keys } from '../backup/encryption.ts';
import type { HubConfig } from '../config.ts';

export interface KeyOptions {
  readonly identityFile?: readonly string[];
  readonly passphraseFile?: string;
  readonly insecurePlain?: boolean;
}

export function withKeys(command: Command): Command {
  return command
    .option('-i, --identity-file <file...>', 'with the secret key of age that opens it')
    .option('--passphrase-file <file>', 'whose first line is the passphrase that opens it')
    .option('--insecure-plain', 'read one that is not encrypted: anybody may have written it');
}

/** Those of the command line, and HUB_BACKUP_PASSPHRASE. @throws BackupError backup.no-key */
export async function keysOf(config: HubConfig, options: KeyOptions): Promise<Keys> {
  const identities: string[] = [];
  for (const path of options.identityFile ?? []) identities.push(...(await identitiesIn(path)));
  const passphrases: string[] = [];
  if (options.passphraseFile !== undefined)
    passphrases.push(await passphraseOf(options.passphraseFile));
  if (config.backup.passphrase !== undefined) passphrases.push(config.backup.passphrase.reveal());
  return { identities, passphrases, readsPlain: options.insecurePlain === true };
}

/** As short ones are found, they are refused here as in HUB_BACKUP_PASSPHRASE. @throws BackupError */
export async function passphraseOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new BackupError(
      'backup.no-key',
      `${path} cannot be read: name a file with a passphrase.`,
      {
        cause: error,
      },
    );
  });
  const [line = ''] = text.split(/\r?\n/);
  if (line.length >= minPassphraseLength) return line;
  throw new BackupError(
    'backup.no-key',
    `The first line of ${path} has fewer than ${minPassphraseLength} characters: take a longer passphrase (openssl rand -base64 24).`,
  );
}

const minPassphraseLength = 16;

async function identitiesIn(path: string): Promise<string[]> {
  const { parseIdentities } = await import('../backup/encryption.ts');
  const found = parseIdentities(await readFile(path, 'utf8').catch(() => ''));
  if (found !== undefined) return found;
  throw new BackupError(
    'backup.no-key',
    `${path} holds no secret key of age: name the file that phlix-hub backup keygen or age-keygen made.`,
  );
}

/** `3.4 MB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `2026-11-22 03:30 UTC`. */
export function momentText(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
