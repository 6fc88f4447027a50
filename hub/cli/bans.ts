// Words about who may not come in arrive; the running hub holds to them at once, and the list leaves, also for firewalls.

import { Command, InvalidArgumentError } from 'commander';

import { createLogger } from '../../shared/log.ts';
import type { Ban } from '../access/bans/ban.ts';
import { Bans } from '../access/bans/bans.ts';
import { nftablesText } from '../access/bans/export.ts';
import { parseDuration } from '../../shared/settings/kinds.ts';
import {
  configOf,
  noteIdleFolder,
  printJson,
  withStores,
  type CommandContext,
} from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { withAudit } from './host-audit.ts';
import { table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly nftables?: boolean;
  readonly plain?: boolean;
}

interface AddOptions extends Options {
  readonly for?: number;
  readonly reason: string;
  readonly yes?: boolean;
}

export function banCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  const command = new Command('ban').description('who may not come in: list, add, remove');
  command
    .command('list')
    .description('the bans that hold')
    .option('--plain', 'one network a line')
    .option('--nftables', 'two sets, for: nft -f -')
    .option('--json', 'print one JSON object')
    .action(async (options: ListOptions) => list(context, options));
  command
    .command('add')
    .description('shut an address or a network out of every door of the hub, at once')
    .argument(
      '<network>',
      '203.0.113.7, 203.0.113.0/24 or 2001:db8::/48; an IPv6 address is its /64',
    )
    .option('--for <duration>', 'how long, such as 90m or 7d; left out, for good', term)
    .option('--reason <text>', 'what it is for', 'by the operator')
    .option('--yes', 'also if it is wider than a /16, or an IPv6 /32')
    .option('--json', 'print one JSON object')
    .action(async (network: string, options: AddOptions) => add(context, network, options));
  command
    .command('remove')
    .description('let somebody in again, at once')
    .argument('<ban>', 'its network, or its id')
    .option('--json', 'print one JSON object')
    .action(async (which: string, options: Options) =>
      finish(await remove(context, which, options)),
    );
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub ban add 203.0.113.7 --for 24h --reason "guesses passwords"
  phlix-hub ban list
  phlix-hub ban list --nftables | nft -f -
  phlix-hub ban remove 203.0.113.7`;

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const config = configOf(context);
  const bans = await withStores(context, config, async (stores) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const now = new Date();
    const held = (await stores.bans.list()).filter(({ until }) => !until || until > now);
    return held.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  });
  context.stdout.write(listText(bans, options));
}

function listText(bans: readonly Ban[], { json, nftables, plain }: ListOptions): string {
  if (json === true) return `${JSON.stringify({ bans: bans.map(banJson) })}\n`;
  // A firewall knows no pages: what holds for those alone is not its business.
  const everywhere = bans.filter(({ origin }) => origin === 'operator');
  if (nftables === true) return nftablesText(everywhere, new Date());
  if (plain === true) return everywhere.map(({ network }) => `${network}\n`).join('');
  if (bans.length === 0) return 'Nobody is banned.\n';
  const rows = bans.map((ban) => [
    ban.network,
    ban.until?.toISOString() ?? 'for good',
    ban.origin === 'guard' ? "the hub's own pages and API" : 'everywhere',
    ban.by,
    ban.reason,
    ban.id,
  ]);
  return table(['NETWORK', 'UNTIL', 'SHUT OUT OF', 'BY', 'WHY', 'ID'], rows);
}

async function add(context: CommandContext, network: string, options: AddOptions): Promise<void> {
  const ban = await withBans(context, options, async (bans) =>
    bans.add({
      network,
      forMs: options.for,
      reason: options.reason,
      actor: 'host',
      isConfirmed: options.yes,
    }),
  );
  if (options.json === true) return printJson(context, banJson(ban));
  const until = ban.until === undefined ? 'for good' : `until ${ban.until.toISOString()}`;
  const isWider = network.includes(':') && ban.network.endsWith('/64') && !network.includes('/');
  const why = isWider ? ' An IPv6 address stands for its /64, which one home has whole.' : '';
  context.stdout.write(`${ban.network} is shut out ${until}.${why}\n`);
  return undefined;
}

async function remove(context: CommandContext, which: string, options: Options): Promise<number> {
  const ban = await withBans(context, options, async (bans) =>
    bans.remove(which, { actor: 'host' }),
  );
  if (ban === undefined) {
    context.stderr.write(
      `phlix-hub: there is no ban of ${JSON.stringify(which)}; phlix-hub ban list shows those there are.\n`,
    );
    return exitCode.badData;
  }
  if (options.json === true) printJson(context, banJson(ban));
  else context.stdout.write(`${ban.network} may come in again.\n`);
  return exitCode.ok;
}

async function withBans<Result>(
  context: CommandContext,
  options: Options,
  work: (bans: Bans) => Promise<Result>,
): Promise<Result> {
  const config = configOf(context);
  return withAudit(context, config, async ({ stores, audit }) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const { trustedProxies } = config;
    const bans = await Bans.open({ store: stores.bans, audit, trustedProxies, log });
    try {
      return await work(bans);
    } finally {
      bans.close();
    }
  });
}

function banJson({ id, network, origin, reason, by, createdAt, until }: Ban): object {
  return {
    id,
    network,
    origin,
    reason,
    by,
    created_at: createdAt.toISOString(),
    until: until?.toISOString() ?? null,
  };
}

function term(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= shortestMs && ms <= longestMs) return ms;
  throw new InvalidArgumentError('Write a number and its unit, from 1m to 3650d: 90m, 24h, 7d.');
}

const shortestMs = 60_000;
const longestMs = 3650 * 24 * 60 * 60 * 1000;
