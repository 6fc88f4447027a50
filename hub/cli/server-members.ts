// A server and a person arrive; from now on it is shared with him, or no more, and with whom it is shared leaves.

import type { Command } from 'commander';

import { AccountError } from '../accounts/account-error.ts';
import type { Member } from '../tunnels/sharing.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { requireAccount, withPeople } from './host-people.ts';
import { requireServer } from './servers.ts';
import { printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `servers members`, `servers share` and `servers unshare`. */
export function addMemberCommands(servers: Command, context: CommandContext): Command {
  servers
    .command('members')
    .description('with whom a server is shared')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => list(context, wanted, options));
  servers
    .command('share')
    .description('let somebody see a server; changing it stays with its owner')
    .argument('<server>', 'its label, address or id')
    .argument('<account>', 'the name, proven e-mail address or id of an account')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, account: string, options: Options) =>
      share(context, { wanted, account }, options),
    );
  servers
    .command('unshare')
    .description('let him see it no more')
    .argument('<server>', 'its label, address or id')
    .argument('<account>', 'the name, proven e-mail address or id of an account')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, account: string, options: Options) =>
      unshare(context, { wanted, account }, options),
    );
  return servers;
}

interface Pair {
  readonly wanted: string;
  readonly account: string;
}

async function list(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const members = await withPeople(context, options, async ({ config, stores }) => {
    const { id } = await requireServer(stores.servers, config, wanted);
    return stores.sharing.members(id);
  });
  if (options.json === true) return printJson(context, { members: members.map(memberJson) });
  if (members.length === 0) return void context.stdout.write('It is shared with nobody.\n');
  const rows = members.map(({ username, since, accountId }) => [
    username,
    since.toISOString().slice(0, 10),
    accountId,
  ]);
  context.stdout.write(table(['NAME', 'SINCE', 'ID'], rows));
  return undefined;
}

async function share(context: CommandContext, pair: Pair, options: Options): Promise<void> {
  const member = await withPeople(context, options, async (rooms) => {
    const { config, stores, people, note } = rooms;
    const server = await requireServer(stores.servers, config, pair.wanted);
    const { username } = await requireAccount(people, pair.account);
    const made = await stores.sharing.addMember(server.id, username);
    if (made === undefined)
      throw new AccountError('account.exists', `${printable(username)} is its owner already.`);
    note({ event: 'admin.member-added', server: server.id, target: username });
    return made;
  });
  if (options.json === true) return printJson(context, memberJson(member));
  context.stdout.write(`It is shared with ${printable(member.username)}.\n`);
  return undefined;
}

async function unshare(context: CommandContext, pair: Pair, options: Options): Promise<void> {
  const username = await withPeople(context, options, async (rooms) => {
    const { config, stores, people, note } = rooms;
    const server = await requireServer(stores.servers, config, pair.wanted);
    const account = await requireAccount(people, pair.account);
    if (!(await stores.sharing.removeMember(server.id, account.id)))
      throw new AccountError(
        'account.unknown',
        `It is not shared with ${printable(account.username)}; phlix-hub servers members shows with whom it is.`,
      );
    note({ event: 'admin.member-removed', server: server.id, target: account.username });
    return account.username;
  });
  if (options.json === true) return printJson(context, { username });
  context.stdout.write(`It is not shared with ${printable(username)} any more.\n`);
  return undefined;
}

function memberJson({ accountId, username, since }: Member): object {
  return { account_id: accountId, username, since: since.toISOString() };
}
