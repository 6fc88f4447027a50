// Whoever has the machine asks who waits after failed sign-ins; the list leaves, or somebody may try again at once.

import { Argument, Command } from 'commander';

import { keyKinds, type Closed, type Guard, type KeyKind } from '../accounts/login/guard.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { withPeople } from './host-people.ts';
import { printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

export function loginBlocksCommand(context: CommandContext): Command {
  const command = new Command('login-blocks').description(
    'who has failed to sign in too often, and waits: list, open',
  );
  command
    .command('list')
    .description('those that wait longest first')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  command
    .command('open')
    .description('let somebody try again at once')
    .addArgument(new Argument('<kind>', 'as the list has it').choices(keyKinds))
    .argument('<what>', 'as the list has it: an address, or the id of an account')
    .option('--json', 'print one JSON object')
    .action(async (kind: KeyKind, what: string, options: Options) =>
      open(context, { kind, what }, options),
    );
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub login-blocks list
  phlix-hub login-blocks open address 203.0.113.7`;

async function list(context: CommandContext, options: Options): Promise<void> {
  const blocks = await withPeople(context, options, async ({ people }) => all(people.guard));
  if (options.json === true) return printJson(context, { blocks: blocks.map(blockJson) });
  if (blocks.length === 0) return void context.stdout.write('Nobody waits.\n');
  const rows = blocks.map(({ kind, what, failures, until }) => [
    kind,
    what,
    String(failures),
    until.toISOString(),
  ]);
  context.stdout.write(table(['KIND', 'WHAT', 'FAILURES', 'UNTIL'], rows));
  return undefined;
}

async function all(guard: Guard): Promise<Closed[]> {
  const found: Closed[] = [];
  for (;;) {
    const page = await guard.listClosed({ after: found.at(-1), limit: pageLength });
    found.push(...page);
    if (page.length < pageLength) return found;
  }
}

const pageLength = 500;

/** Whether it waited or not: the same call twice is no fault. */
async function open(
  context: CommandContext,
  block: Pick<Closed, 'kind' | 'what'>,
  options: Options,
): Promise<void> {
  const { kind, what } = block;
  await withPeople(context, options, async ({ people, note }) => {
    await people.guard.open(block);
    note({ event: 'ban.removed', target: `${kind} ${what}` });
  });
  if (options.json === true) return printJson(context, { kind, what });
  context.stdout.write(`${printable(what)} may try again.\n`);
  return undefined;
}

function blockJson({ kind, what, failures, until }: Closed): object {
  return { kind, what, failures, until: until.toISOString() };
}
