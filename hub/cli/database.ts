// Another place for the database arrives; it lives there afterwards, and which setting says so leaves.

import { readFile } from 'node:fs/promises';

import { Command } from 'commander';

import { createLogger } from '../../shared/log.ts';
import type { HubConfig } from '../config.ts';
import { DatabaseError } from '../db/database-error.ts';
import type { Moved } from '../upkeep/moving.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { noteAlone } from './host-audit.ts';

interface MoveOptions {
  readonly to?: string;
  readonly toFile?: string;
  readonly json?: boolean;
}

interface ReopenOptions {
  readonly json?: boolean;
}

export function databaseCommand(context: CommandContext): Command {
  const command = new Command('database').description('where the database lives: move, reopen');
  command
    .command('move')
    .description('copy it to another server, or back into HUB_DATA_DIR; the former one stays')
    .option('--to <place>', 'embedded, or a postgresql:// address without a password')
    .option('--to-file <file>', 'that holds a postgresql:// address')
    .option('--json', 'print one JSON object')
    .action(async (options: MoveOptions) => move(context, options));
  command
    .command('reopen')
    .description('go on with the one that was left behind, as it was then')
    .option('--json', 'print one JSON object')
    .action(async (options: ReopenOptions) => reopen(context, options));
  return command.addHelpText('after', examples);
}

const examples = `
The hub has to be stopped. Every row is compared after it was copied.

Examples:
  phlix-hub database move --to-file /root/database-url
  phlix-hub database move --to 'postgresql://hub@/phlix?host=/run/postgresql'
  phlix-hub database move --to embedded`;

async function move(context: CommandContext, options: MoveOptions): Promise<void> {
  process.umask(0o077);
  const config = configOf(context);
  const to = await placeOf(options);
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const { moveDatabase } = await import('../upkeep/moving.ts');
  const moved = await moveDatabase(config, to, log);
  await noteAlone(context, config, { event: 'admin.database-moved', target: moved.to });
  if (options.json === true)
    printJson(context, { ...moved, aside: moved.aside ?? null, setting: settingOf(to) });
  else context.stdout.write(textOf(config, moved, to));
}

/** @throws DatabaseError database.bad-url */
async function placeOf({ to, toFile }: MoveOptions): Promise<string | undefined> {
  if (toFile !== undefined) {
    const text = await readFile(toFile, 'utf8').catch((error: unknown) => {
      throw wrong(`${toFile} cannot be read`, error);
    });
    return text.trim();
  }
  if (to === undefined)
    throw wrong('say where to: --to embedded, or --to-file with the address in it');
  if (to === 'embedded') return undefined;
  if (!namesPassword(to)) return to;
  throw wrong(
    'every user of this machine can read a password on a command line: put the address into a file, and say --to-file',
  );
}

/** Also in an address that names a socket, which is none to URL. */
function namesPassword(to: string): boolean {
  const [place = '', query = ''] = to.split(/\?(.*)/s);
  if (/^\w+:\/\/[^/@]*:[^/]*@/.test(place) || (URL.parse(to)?.password ?? '') !== '') return true;
  return [...new URLSearchParams(query).keys()].some((name) => /password/i.test(name));
}

function wrong(what: string, cause?: unknown): DatabaseError {
  return new DatabaseError('database.bad-url', what, { cause });
}

async function reopen(context: CommandContext, { json }: ReopenOptions): Promise<void> {
  const config = configOf(context);
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const { reopenDatabase } = await import('../upkeep/moving.ts');
  const place = await reopenDatabase(config, log);
  await noteAlone(context, config, { event: 'admin.database-moved', target: place });
  if (json === true) printJson(context, { place });
  else context.stdout.write(`The hub goes on with the database at ${place}, as it was then.\n`);
}

function settingOf(to: string | undefined): string {
  return to === undefined ? 'HUB_DATABASE_URL is to be taken away' : 'HUB_DATABASE_URL';
}

function textOf(
  config: HubConfig,
  { from, to, rows, tables, aside }: Moved,
  place: string | undefined,
): string {
  const needsKey =
    place !== undefined && config.tls.kind === 'acme' && config.secretKeys === undefined;
  const lines = [
    `${rows} rows in ${tables} tables were copied from ${from} and compared.`,
    place === undefined
      ? 'Now take HUB_DATABASE_URL away, and start the hub.'
      : `Now set HUB_DATABASE_URL to the address of ${to}, or HUB_DATABASE_URL_FILE to a file that holds it, and start the hub.`,
    ...(needsKey
      ? [
          `With HUB_TLS=acme it needs HUB_SECRET_KEY then: HUB_SECRET_KEY_FILE=${config.dataDir}/sealing.key`,
        ]
      : []),
    `The former database is as it was, and starts no hub any more (phlix-hub database reopen).`,
    ...(aside === undefined ? [] : [`What stood there from before is in ${aside}.`]),
  ];
  return `${lines.join('\n')}\n`;
}
