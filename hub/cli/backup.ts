// The wish for a backup arrives; the file leaves, encrypted, while the hub goes on, and one line about it.

import { resolve } from 'node:path';

import { Command, InvalidArgumentError } from 'commander';

import { BackupError } from '../backup/backup-error.ts';
import type { Lock } from '../backup/encryption.ts';
import type { MadeBackup } from '../backup/make-backup.ts';
import { isRecipient } from '../backup/recipient.ts';
import { configOf, noteIdleFolder, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { bytesText, passphraseOf } from './backup-words.ts';

interface BackupOptions {
  readonly output?: string;
  readonly recipient?: readonly string[];
  readonly passphraseFile?: string;
  readonly insecurePlain?: boolean;
  readonly json?: boolean;
}

interface KeygenOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export function backupCommand(context: CommandContext): Command {
  const command = new Command('backup')
    .description('write database, keys, certificates and audit log into one encrypted file')
    .option(
      '-o, --output <file>',
      'where to; otherwise a name of its time in HUB_BACKUP_DIR',
      outputFile,
    )
    .option('--recipient <key...>', 'public keys of age (age1...), instead of HUB_BACKUP_RECIPIENT')
    .option('--passphrase-file <file>', 'whose first line is a passphrase, instead of a key')
    .option('--insecure-plain', 'encrypt nothing: whoever reads the file has every key of this hub')
    .option('--json', 'print one JSON object')
    .action(async (options: BackupOptions) => backup(context, options));
  command
    .command('keygen')
    .description('make a key for backups: the file opens them and belongs on another machine')
    .option(
      '-o, --output <file>',
      'write the secret part there, for nobody else to read',
      outputFile,
    )
    .option('--json', 'print one JSON object')
    .action(async (_: KeygenOptions, self: Command) => keygen(context, self.optsWithGlobals()));
  return command.addHelpText('after', examples);
}

const examples = `
The file is in the format of age: "age --decrypt" opens it too, and in it is a tar.
It is made while the hub runs, of one moment. HUB_BACKUP_SCHEDULE has the hub make one every day.

Examples:
  phlix-hub backup keygen --output backup-key.txt
  phlix-hub backup --recipient age1... --output /mnt/usb/hub.tar.age
  phlix-hub backup --passphrase-file /root/passphrase
  phlix-hub restore --verify /mnt/usb/hub.tar.age --identity-file backup-key.txt`;

async function backup(context: CommandContext, options: BackupOptions): Promise<void> {
  // What is written is for its owner alone, from the first moment on.
  process.umask(0o077);
  const config = configOf(context);
  const lock = await lockOf(options);
  const path = options.output === undefined ? undefined : resolve(options.output);
  const { backUp } = await import('../upkeep/backing-up.ts');
  const made = await withAudit(context, config, async ({ stores, note }) => {
    noteIdleFolder(context, config, stores);
    const done = await backUp(config, stores, { by: 'hand', at: new Date(), lock, path });
    note({ event: 'admin.backup-made', target: done.path });
    return done;
  });
  if (options.json === true) printJson(context, backupJson(made, lock));
  else context.stdout.write(textOf(made, lock ?? config.backup.lock, lock === undefined));
}

/** A file comes to its place when it is whole, which a pipe has no way of telling. */
function outputFile(text: string): string {
  if (text !== '-') return text;
  throw new InvalidArgumentError(
    'Name a file: nothing is written to standard output. Copy the file from there.',
  );
}

/** Undefined: as the settings say. @throws BackupError */
async function lockOf(options: BackupOptions): Promise<Lock | undefined> {
  const { recipient: recipients, passphraseFile, insecurePlain } = options;
  if (insecurePlain === true) return { kind: 'plain' };
  if (passphraseFile !== undefined)
    return { kind: 'passphrase', passphrase: await passphraseOf(passphraseFile) };
  const wrong = recipients?.find((one) => !isRecipient(one));
  if (wrong !== undefined)
    throw new BackupError(
      'backup.no-key',
      'What --recipient names is no public key of age: it begins with age1, and phlix-hub backup keygen makes one.',
    );
  return recipients && { kind: 'recipients', recipients };
}

function backupJson(made: MadeBackup, lock: Lock | undefined): object {
  const { path, at, bytes, tables, rows, files } = made;
  return {
    file: path,
    at: at.toISOString(),
    bytes,
    tables,
    rows,
    files,
    encrypted: lock?.kind !== 'plain',
  };
}

function textOf(
  { path, bytes, rows, files }: MadeBackup,
  lock: Lock | undefined,
  isAsSet: boolean,
): string {
  const warning =
    lock?.kind === 'plain'
      ? 'It is NOT encrypted: whoever reads it has every key of this hub.\n'
      : '';
  const verify = `phlix-hub restore --verify ${path}${keyWords(lock, isAsSet)}`;
  return `${path}: ${bytesText(bytes)}, ${rows} rows and ${files} files.\n${warning}Look into it now and then: ${verify}\n`;
}

/** What opens it, as `restore` is told of it. */
function keyWords(lock: Lock | undefined, isAsSet: boolean): string {
  if (lock?.kind === 'plain') return ' --insecure-plain';
  if (lock?.kind === 'recipients') return ' --identity-file backup-key.txt';
  // HUB_BACKUP_PASSPHRASE is taken by itself.
  return isAsSet ? '' : ' --passphrase-file backup-passphrase.txt';
}

async function keygen(context: CommandContext, options: KeygenOptions): Promise<void> {
  process.umask(0o077);
  const { newIdentity } = await import('../backup/encryption.ts');
  const { identity, recipient } = await newIdentity();
  const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  if (options.output === undefined) {
    if (options.json === true) printJson(context, { identity, recipient });
    else context.stdout.write(text);
    return;
  }
  const { writeWhole } = await import('../backup/private-file.ts');
  const path = resolve(options.output);
  await writeWhole(path, bytesOf(text));
  if (options.json === true) printJson(context, { file: path, recipient });
  else
    context.stdout.write(
      `Public key: ${recipient}\nSet HUB_BACKUP_RECIPIENT to it. ${path} opens the backups: keep it on another machine, and print it. Without it no backup opens.\n`,
    );
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
