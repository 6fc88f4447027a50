// The environment arrives; every setting leaves, with whence it comes, and of a secret only that it is set. No hub is asked.

import { Command } from 'commander';

import { printJson, settingsOf, type CommandContext } from './command-context.ts';
import { table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

export function settingsCommand(context: CommandContext): Command {
  const command = new Command('settings').description('how the hub is set: list');
  command
    .command('list')
    .description('each setting as the environment of this command has it, and never a secret')
    .option('--json', 'print one JSON object')
    .action((options: Options) => list(context, options));
  return command;
}

function list(context: CommandContext, options: Options): void {
  const { shown } = settingsOf(context);
  if (options.json === true)
    return printJson(context, {
      settings: shown.map(({ name, from, text, isSecret }) => ({
        name,
        from,
        value: text ?? null,
        is_secret: isSecret,
      })),
    });
  const rows = shown.map(({ name, from, text, isSecret }) => [
    name,
    from,
    isSecret ? '(secret)' : (text ?? '-'),
  ]);
  context.stdout.write(table(['NAME', 'FROM', 'VALUE'], rows));
  return undefined;
}
