// Words about the tokens of an account arrive, from whoever has the machine; a new one leaves, their list, or one of them is dead.

import { Command, InvalidArgumentError, Option } from 'commander';

import { parseDuration } from '../../shared/settings/kinds.ts';
import { scopes, type Scope } from '../accounts/tokens/scope.ts';
import type { Token } from '../accounts/tokens/token.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { requireAccount, withPeople } from './host-people.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

interface CreateOptions extends Options {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly ttl?: number;
  readonly cidr?: readonly string[];
}

export function tokenCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  const command = new Command('token').description(
    'what programs and devices of an account hold: create, list, revoke',
  );
  addCreate(command, context);
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
  phlix-hub token create ann --name backup --scope usage:read --ttl 30d
  phlix-hub token list ann
  phlix-hub token revoke ann all`;

function addCreate(command: Command, context: CommandContext): void {
  command
    .command('create')
    .description('a personal token for a program; its text is printed once')
    .argument('<account>', 'its name, proven e-mail address or id')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--scope <scope...>', 'what it may be used for')
        .choices(scopes)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--ttl <duration>', 'how long it lives, 1h to 365d')
        .argParser(span)
        .default(undefined, '90d'),
    )
    .option('--cidr <network...>', 'only from these networks')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: CreateOptions) => create(context, wanted, options));
}

async function create(
  context: CommandContext,
  wanted: string,
  options: CreateOptions,
): Promise<void> {
  const { token, text } = await withPeople(context, options, async ({ people }) => {
    const account = await requireAccount(people, wanted);
    const { name, scope, ttl: lifeMs, cidr: networks } = options;
    return people.tokens.createOnHost(account, { name, scopes: scope, lifeMs, networks });
  });
  if (options.json === true) return printJson(context, { ...tokenJson(token), token: text });
  // Alone on standard output, so that a shell's $(...) holds nothing else.
  context.stdout.write(`${text}\n`);
  context.stderr.write(
    `It is good until ${token.expiresAt.toISOString()}, and is not shown again.\n`,
  );
  return undefined;
}

function span(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a number and its unit: 12h, 30d.');
  return ms;
}

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
