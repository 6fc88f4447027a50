// A server and a person arrive; it is his from now on, on the running hub too, and the former owner's agent is out.

import type { Command } from 'commander';

import { printJson, type CommandContext } from './command-context.ts';
import { requireAccount, withPeople } from './host-people.ts';
import { addressOf, requireServer, serverJson } from './servers.ts';
import { printable } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `servers transfer`. */
export function addTransferCommand(servers: Command, context: CommandContext): Command {
  servers
    .command('transfer')
    .description('give a server to another account, with its name and without its agent')
    .argument('<server>', 'its label, address or id')
    .argument('<account>', 'the name, proven e-mail address or id of an account')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, account: string, options: Options) =>
      transfer(context, { wanted, account }, options),
    );
  return servers;
}

async function transfer(
  context: CommandContext,
  { wanted, account }: { readonly wanted: string; readonly account: string },
  options: Options,
): Promise<void> {
  const moved = await withPeople(context, options, async (rooms) => {
    const { config, stores, people, note } = rooms;
    const found = await requireServer(stores.servers, config, wanted);
    const { ownerId, username } = await requireAccount(people, account);
    const server = await stores.servers.transfer(found.id, ownerId);
    note({
      event: 'server.transferred',
      server: found.id,
      target: found.label,
      reason: `to ${username}`,
    });
    return { config, server, username };
  });
  const { config, server, username } = moved;
  if (options.json === true) return printJson(context, serverJson(server, config));
  const address = addressOf(server, config) ?? 'no address yet';
  context.stdout.write(
    `${printable(server.name)} (${address}) is ${printable(username)}'s now. The former agent is cut off; a new one needs a token for it: phlix-hub enrol-token create --server ${server.id}\n`,
  );
  return undefined;
}
