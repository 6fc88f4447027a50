// A server or an account arrives; what its traffic came to leaves, or what it may come to.

import { Command, InvalidArgumentError } from 'commander';

import { limitRanges, type LimitSubject, type TrafficLimits } from '../usage/limits.ts';
import type { TrafficRow } from '../usage/usage.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { requireAccount, withPeople, type HostPeople } from './host-people.ts';
import { requireServer } from './servers.ts';
import { printable, table } from './table.ts';

interface Wanted {
  readonly server?: string;
  readonly account?: string;
  readonly json?: boolean;
}

interface ShowOptions extends Wanted {
  readonly days: number;
}

interface LimitOptions extends Wanted {
  readonly gigabytes?: number | 'none';
  readonly megabits?: number | 'none';
  readonly streams?: number | 'none';
}

export function usageCommand(context: CommandContext): Command {
  const command = new Command('usage').description('traffic by day, and its limits: show, limits');
  const subcommand = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--server <server>', 'of a server: its label, address or id')
      .option('--account <account>', 'of all servers of an account: its name, e-mail address or id')
      .option('--json', 'print one JSON object');
  const { bytesPerMonth, megabitsPerSecond, streams } = limitRanges;
  const gigabytes = { least: bytesPerMonth.least / gigabyte, most: bytesPerMonth.most / gigabyte };
  subcommand('show', 'bytes and requests of each day, UTC')
    .option(
      '--days <count>',
      'how many, up to today',
      numberIn({ least: 1, most: 366, isWhole: true }),
      30,
    )
    .action(async (options: ShowOptions, command: Command) => {
      requireOne(command, options);
      await show(context, options);
    });
  subcommand('limits', 'what it may come to; without options, what is set')
    .option('--gigabytes <count>', 'a month, or "none"', limitIn(gigabytes))
    .option('--megabits <count>', 'a second, or "none"', limitIn(megabitsPerSecond))
    .option('--streams <count>', 'at once, or "none"', limitIn({ ...streams, isWhole: true }))
    .action(async (options: LimitOptions, command: Command) => {
      requireOne(command, options);
      await limit(context, options);
    });
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub usage show --server movies --days 7
  phlix-hub usage limits --account ann
  phlix-hub usage limits --server movies --megabits 50 --gigabytes none`;

const gigabyte = 1e9;
const dayMs = 86_400_000;

async function show(context: CommandContext, options: ShowOptions): Promise<void> {
  const rows = await withPeople(context, options, async (rooms) => {
    const { subject } = await subjectOf(rooms, options);
    const to = new Date();
    const from = new Date(to.getTime() - (options.days - 1) * dayMs);
    return rooms.stores.usage.traffic.read({ subject, by: 'day', from, to });
  });
  if (options.json === true) return printJson(context, { items: rows.map(rowJson) });
  context.stdout.write(
    rows.length === 0
      ? 'Nothing was moved on these days.\n'
      : table(['DAY', 'UP', 'DOWN', 'REQUESTS'], rows.map(rowText)),
  );
  return undefined;
}

async function limit(context: CommandContext, options: LimitOptions): Promise<void> {
  const limits = await withPeople(context, options, async (rooms) => {
    const { subject, name, server } = await subjectOf(rooms, options);
    const { limits: store } = rooms.stores.usage;
    const before = (await store.list()).find(
      ({ subject: { scope, id } }) => scope === subject.scope && id === subject.id,
    )?.limits;
    const changed = changedLimits(before ?? {}, options);
    if (changed === undefined) return before ?? {};
    const isAny = Object.values(changed).some((value) => value !== undefined);
    await store.set(subject, isAny ? changed : undefined);
    const event = server === undefined ? 'admin.account-changed' : 'server.changed';
    rooms.note({ event, server, target: name, reason: `limits ${limitsText(changed)}` });
    return changed;
  });
  if (options.json === true) return printJson(context, limitsJson(limits));
  context.stdout.write(`Limits: ${limitsText(limits)}.\n`);
  return undefined;
}

/** Ends the command, as any other mistake in its words does. */
function requireOne(command: Command, { server, account }: Wanted): void {
  if ((server === undefined) === (account === undefined))
    command.error('error: name one of --server and --account');
}

async function subjectOf(
  { config, stores, people }: HostPeople,
  { server: wanted, account }: Wanted,
): Promise<{ subject: LimitSubject; name: string; server: string | undefined }> {
  if (account !== undefined) {
    const { ownerId: id, username: name } = await requireAccount(people, account);
    return { subject: { scope: 'account', id }, name, server: undefined };
  }
  const { id, label, name } = await requireServer(stores.servers, config, wanted ?? '');
  return { subject: { scope: 'server', id }, name: label ?? name, server: id };
}

/** What no option names stays. Undefined: no option named any. */
function changedLimits(
  before: TrafficLimits,
  { gigabytes, megabits, streams }: LimitOptions,
): TrafficLimits | undefined {
  if (gigabytes === undefined && megabits === undefined && streams === undefined) return undefined;
  const bytes = typeof gigabytes === 'number' ? Math.round(gigabytes * gigabyte) : gigabytes;
  return {
    bytesPerMonth: limitAfter(before.bytesPerMonth, bytes),
    megabitsPerSecond: limitAfter(before.megabitsPerSecond, megabits),
    streams: limitAfter(before.streams, streams),
  };
}

function limitAfter(
  before: number | undefined,
  said: number | 'none' | undefined,
): number | undefined {
  if (said === undefined) return before;
  return said === 'none' ? undefined : said;
}

function limitsText({ bytesPerMonth, megabitsPerSecond, streams }: TrafficLimits): string {
  const set = [
    bytesPerMonth !== undefined && `${bytesPerMonth / gigabyte} GB a month`,
    megabitsPerSecond !== undefined && `${megabitsPerSecond} Mbit/s`,
    streams !== undefined && `${streams} at once`,
  ].filter((text) => text !== false);
  return set.length === 0 ? 'none' : set.join(', ');
}

function limitsJson({ bytesPerMonth, megabitsPerSecond, streams }: TrafficLimits): object {
  return {
    bytes_per_month: bytesPerMonth ?? null,
    megabits_per_second: megabitsPerSecond ?? null,
    streams: streams ?? null,
  };
}

function rowJson({ at, bytesUp, bytesDown, requests }: TrafficRow): object {
  return { at: at.toISOString(), bytes_up: bytesUp, bytes_down: bytesDown, requests };
}

function rowText({ at, bytesUp, bytesDown, requests }: TrafficRow): string[] {
  const count = Object.values(requests).reduce((sum, each) => sum + each, 0);
  return [at.toISOString().slice(0, 10), sizeText(bytesUp), sizeText(bytesDown), String(count)];
}

function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < gigabyte
    ? `${(bytes / 1e6).toFixed(1)} MB`
    : `${(bytes / gigabyte).toFixed(2)} GB`;
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

function limitIn(range: Range): (text: string) => number | 'none' {
  const parse = numberIn(range);
  return (text) => (text === 'none' ? text : parse(text));
}

function numberIn({ least, most, isWhole = false }: Range): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(
      `Write a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}, not "${printable(text)}".`,
    );
  };
}
