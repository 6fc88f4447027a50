// Words about the tokens of an account arrive, from whoever has the machine; their list leaves, or one of them is dead.

import { Command } from 'commander';

import type { Token } from '../accounts/tokens/token.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { requireAccount, withPeople } from './host-people.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

export function tokenCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  const command = new Command('token').description(
    'what programs and devices of an account hold: list, revoke',
  );
  command
    .command('list')
    .description('the tokens of an account, never their text')
    .argument('<account>', 'its name, proven e-mail address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => list(context, wanted, options));
  command
    .command('revoke')
    .description('end a token, or with "all" every one of the account, at once')
    .argument('<account>', 'its name, proven e-mail address or id')
    .argument('<token>', 'the id of one, or all')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, id: string, options: Options) =>
      finish(await revoke(context, wanted, { ...options, id })),
    );
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub token list ann
  phlix-hub token revoke ann all`;

async function list(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const tokens = await withPeople(context, options, async ({ people }) => {
    const { id } = await requireAccount(people, wanted);
    return people.tokens.list(id);
  });
  if (options.json === true) return printJson(context, { tokens: tokens.map(tokenJson) });
  if (tokens.length === 0) return void context.stdout.write('This account has no tokens.\n');
  const now = new Date();
  const rows = tokens.map((token) => [
    token.name,
    token.kind,
    token.scopes.join(' '),
    token.lastUsedAt === undefined ? 'never' : `${age(token.lastUsedAt, now)} ago`,
    token.expiresAt.toISOString().slice(0, 10),
    token.id,
  ]);
  context.stdout.write(table(['NAME', 'KIND', 'MAY', 'USED', 'UNTIL', 'ID'], rows));
  return undefined;
}

async function revoke(
  context: CommandContext,
  wanted: string,
  { id: token, json }: Options & { id: string },
): Promise<number> {
  const options = json === undefined ? {} : { json };
  const ended = await withPeople(context, options, async ({ stores, people, note }) => {
    const { id, username } = await requireAccount(people, wanted);
    const isAll = token === 'all';
    const gone = isAll
      ? (await stores.tokens.removeAll(id)).length
      : Number((await stores.tokens.remove(id, token)) !== undefined);
    const reason = `${gone} of ${username}`;
    if (gone > 0) note({ event: 'token.revoked', target: isAll ? username : token, reason });
    return { username, gone };
  });
  if (ended.gone === 0 && token !== 'all') {
    context.stderr.write(
      `phlix-hub: ${printable(ended.username)} has no token "${printable(token)}"; phlix-hub token list shows those there are.\n`,
    );
    return exitCode.badData;
  }
  if (json === true) printJson(context, { revoked: ended.gone });
  else
    context.stdout.write(`${ended.gone === 1 ? '1 token is' : `${ended.gone} tokens are`} dead.\n`);
  return exitCode.ok;
}

function tokenJson(token: Token): object {
  return {
    id: token.id,
    kind: token.kind,
    name: token.name,
    scopes: token.scopes,
    networks: token.networks,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
    last_used_from: token.lastUsedFrom ?? null,
    app: token.app ?? null,
  };
}
