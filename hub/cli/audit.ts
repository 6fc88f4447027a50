// Questions about what happened at this hub arrive; entries of the audit log leave, or whether somebody has changed it.

import { Command, InvalidArgumentError, Option } from 'commander';

import { parseAddress } from '../../shared/net-address.ts';
import { parseDuration } from '../../shared/settings/kinds.ts';
import { allOf, type AuditQuery } from '../audit/audit-index.ts';
import { shownActor } from '../audit/audit.ts';
import { csvHeading, csvLine, entryJson } from '../audit/export.ts';
import { auditEvents } from '../audit/event.ts';
import { verify as verifyFiles, type Break } from '../audit/verify.ts';
import type { HubConfig } from '../config.ts';
import type { Stores } from '../composition/stores.ts';
import {
  configOf,
  noteIdleFolder,
  printJson,
  withStores,
  type CommandContext,
} from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { requireServer } from './servers.ts';
import { table } from './table.ts';

interface Filter {
  readonly event?: readonly string[];
  readonly actor?: string;
  readonly server?: string;
  readonly address?: string;
  readonly result?: 'ok' | 'denied' | 'failed';
  readonly since?: Date;
  readonly until?: Date;
}

interface ListOptions extends Filter {
  readonly limit: number;
  readonly json?: boolean;
}

interface ExportOptions extends Filter {
  readonly format: 'csv' | 'jsonl';
}

interface VerifyOptions {
  readonly filesOnly?: boolean;
  readonly json?: boolean;
}

export function auditCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  const command = new Command('audit').description(
    'what happened at this hub: list, export, verify',
  );
  filtered(command.command('list'))
    .description('the youngest entries')
    .addOption(new Option('--limit <number>', 'how many, 1 to 1000').default(50).argParser(limit))
    .option('--json', 'print one JSON object')
    .action(async (options: ListOptions) => list(context, options));
  filtered(command.command('export'))
    .description('every entry that fits, on standard output, youngest first')
    .addOption(
      new Option('--format <format>', 'of the lines').choices(['csv', 'jsonl']).default('jsonl'),
    )
    .action(async (options: ExportOptions) => exportAll(context, options));
  command
    .command('verify')
    .description('look whether a line of the log was changed, taken away or put in')
    .option('--files-only', 'without the database, which knows how long the log was')
    .option('--json', 'print one JSON object')
    .action(async (options: VerifyOptions) => finish(await verify(context, options)));
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub audit list --event login.failed --since 1h
  phlix-hub audit list --actor ann --json
  phlix-hub audit export --since 30d --format csv > audit.csv
  phlix-hub audit verify`;

function filtered(command: Command): Command {
  return command
    .option(
      '--event <event...>',
      'only these, such as login.failed, or all of an area: login.',
      event,
    )
    .option(
      '--actor <account>',
      'what this account did, by name or id; host is the command line, system the hub itself',
    )
    .option('--server <server>', 'what concerns this server: its label, address or id')
    .option('--address <address>', 'what came from there', networkAddress)
    .addOption(new Option('--result <result>', 'how it ended').choices(['ok', 'denied', 'failed']))
    .option('--since <when>', 'not before: 2026-11-22, 2026-11-22T10:00:00Z, or 90m ago', instant)
    .option('--until <when>', 'before', instant);
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const config = configOf(context);
  const page = await withStores(context, config, async (stores) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const query = await queryOf(options, stores, config);
    return stores.auditIndex.find({ ...query, limit: options.limit });
  });
  if (options.json === true)
    return printJson(context, {
      entries: page.items.map(entryJson),
      has_more: page.nextCursor !== undefined,
    });
  if (page.items.length === 0)
    return void context.stdout.write('Nothing that fits is on record.\n');
  const rows = page.items.map((entry) => [
    entry.at.toISOString(),
    entry.event,
    entry.result ?? '-',
    shownActor(entry.actorId, entry.actorName) ?? '-',
    entry.address ?? '-',
    entry.target ?? '-',
    entry.reason ?? '-',
  ]);
  context.stdout.write(table(['WHEN', 'EVENT', 'RESULT', 'WHO', 'FROM', 'WHAT', 'WHY'], rows));
  return undefined;
}

async function exportAll(context: CommandContext, options: ExportOptions): Promise<void> {
  const isCsv = options.format === 'csv';
  const config = configOf(context);
  await withStores(context, config, async (stores) => {
    const query = await queryOf(options, stores, config);
    if (isCsv) context.stdout.write(csvHeading);
    for await (const entry of allOf(stores.auditIndex, query, Infinity)) {
      const line = isCsv ? csvLine(entry) : `${JSON.stringify(entryJson(entry))}\n`;
      if (!context.stdout.write(line)) await drained(context);
    }
  });
}

async function drained({ stdout }: CommandContext): Promise<void> {
  await new Promise((resolve) => {
    stdout.once('drain', resolve);
  });
}

/** 0 when nothing is wrong, 65 when something is. */
async function verify(context: CommandContext, options: VerifyOptions): Promise<number> {
  const config = configOf(context);
  const found = await verified(context, config, options);
  const { files, lines, head, breaks, trimmed } = found;
  if (options.json === true)
    printJson(context, { files, lines, head: head ?? null, breaks, trimmed });
  else if (breaks.length === 0)
    context.stdout.write(
      `The log is whole: ${counted(lines, 'line')} in ${counted(files, 'file')}${trimmed > 0 ? `, and ${trimmed} older files were taken away when their time was over` : ''}.\n`,
    );
  else context.stdout.write(`The log is NOT whole:\n${breaks.map(sentenceOf).join('')}`);
  return breaks.length === 0 ? exitCode.ok : exitCode.badData;
}

async function verified(
  context: CommandContext,
  config: HubConfig,
  { filesOnly, json }: VerifyOptions,
): ReturnType<typeof verifyFiles> {
  const { folder } = config.audit;
  if (filesOnly === true) return verifyFiles(folder);
  return withStores(context, config, async (stores) => {
    if (json !== true) noteIdleFolder(context, config, stores);
    return verifyFiles(folder, stores.auditIndex);
  });
}

function sentenceOf({ file, line, what }: Break): string {
  const place = [file, line === undefined ? undefined : `line ${line}`].filter((part) => part);
  return `  ${place.length === 0 ? 'the log' : place.join(' ')}: ${what}\n`;
}

/** @throws TunnelError server.unknown */
async function queryOf(
  options: Filter,
  { servers }: Stores,
  config: HubConfig,
): Promise<Omit<AuditQuery, 'limit'>> {
  const { event: events, since: from, until, actor, server: wanted, address, result } = options;
  // The log outlives the server: an id is asked as it is.
  const server =
    wanted === undefined || uuid.test(wanted)
      ? wanted?.toLowerCase()
      : (await requireServer(servers, config, wanted)).id;
  return { events, from, until, actor, server, address, result };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function networkAddress(text: string): string {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  throw new InvalidArgumentError('Write an IP address, such as 203.0.113.7 or 2001:db8::7.');
}

function event(text: string, former: readonly string[] = []): readonly string[] {
  const isKnown = auditEvents.some((known) =>
    text.endsWith('.') ? known.startsWith(text) : known === text,
  );
  if (isKnown) return [...former, text];
  const areas = [...new Set(auditEvents.map((name) => `${name.split('.')[0]}.`))].join(' ');
  throw new InvalidArgumentError(`There is no such event. Areas: ${areas}`);
}

function instant(text: string): Date {
  const ago = parseDuration(text);
  if (ago !== undefined) return new Date(Date.now() - ago);
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(
    text,
  );
  const date = new Date(isDate ? text : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError(
    'Write 2026-11-22, 2026-11-22T10:00:00Z, or how long ago: 90m, 2d.',
  );
}

function limit(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 1000) return value;
  throw new InvalidArgumentError('Write a number from 1 to 1000.');
}
