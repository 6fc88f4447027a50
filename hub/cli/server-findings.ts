// A server arrives; what its agent found when it last looked at itself leaves, as `phlix-agent doctor` prints it beside the media server.

import type { Command } from 'commander';

import { describeFindings } from '../../shared/doctor/table.ts';
import { configOf, printJson, withStores, type CommandContext } from './command-context.ts';
import { requireServer } from './servers.ts';
import { age, printable } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `servers findings`. */
export function addFindingsCommand(servers: Command, context: CommandContext): Command {
  servers
    .command('findings')
    .description('what the agent of a server found when it last looked at itself')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => findings(context, wanted, options));
  return servers;
}

async function findings(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const config = configOf(context);
  const { server, checkups } = await withStores(context, config, async (stores) => {
    const server = await requireServer(stores.servers, config, wanted);
    return { server, checkups: await stores.checkups.list(server.id) };
  });
  const items = checkups.flatMap((one) => one.findings);
  if (options.json === true) {
    const parts = checkups.map(({ part, lookedAt, findings: found }) => {
      return { part, looked_at: lookedAt.toISOString(), findings: found };
    });
    return printJson(context, { server_id: server.id, parts });
  }
  if (checkups.length === 0) {
    context.stdout.write(
      `The agent of ${printable(server.name)} has told nothing yet: run phlix-agent doctor beside the media server.\n`,
    );
    return undefined;
  }
  const now = new Date();
  const times = checkups.map(({ part, lookedAt }) => {
    return `${part === 'line' ? 'line measured' : 'looked at'} ${age(lookedAt, now)} ago`;
  });
  context.stdout.write(`${times.join(', ')}\n\n${describeFindings(items)}\n`);
  return undefined;
}
