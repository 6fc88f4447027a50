// Whoever stands at the hub's machine and cannot sign in any more arrives; local sign-in is open for a while, and the admins are told (row A-07).

import { Command, InvalidArgumentError, Option } from 'commander';

import { createLogger } from '../../shared/log.ts';
import { parseDuration } from '../../shared/settings/kinds.ts';
import { publicUrlOf } from '../config.ts';
import { configOf, noteIdleFolder, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';

interface Options {
  readonly for: number;
  readonly json?: boolean;
}

export function authCommand(context: CommandContext): Command {
  const command = new Command('auth').description('how people sign in: local-login');
  command
    .command('local-login')
    .description('take passwords and passkeys for a while, though HUB_LOCAL_LOGIN is off')
    .addOption(
      new Option('--for <duration>', 'how long, 1m to 24h').makeOptionMandatory().argParser(span),
    )
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => localLogin(context, options));
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub auth local-login --for 30m`;

async function localLogin(context: CommandContext, options: Options): Promise<void> {
  const config = configOf(context);
  const { openLocalLogin } = await import('../accounts/sso/local-login.ts');
  const { openKeyRing } = await import('../composition/key-ring.ts');
  const { openNotified } = await import('../composition/notified.ts');
  const { Opened } = await import('../composition/opened.ts');
  const { createSafeFetch } = await import('../outbound/safe-fetch.ts');
  await withAudit(context, config, async ({ stores, audit }) => {
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const opened = new Opened(log);
    const { notices } = openNotified(config, {
      stores,
      audit,
      keyRing: await openKeyRing(config, stores),
      fetch: createSafeFetch(),
      origin: () => publicUrlOf(config).origin,
      log,
      opened,
    });
    const store = stores.sso.localLogin;
    try {
      const until = await openLocalLogin(options.for, { store, audit, notices, now: new Date() });
      if (options.json === true) return printJson(context, { open_until: until.toISOString() });
      noteIdleFolder(context, config, stores);
      const after = config.allowsLocalLogin
        ? ' HUB_LOCAL_LOGIN is not off here: where the hub has it so too, it stays open afterwards.'
        : '';
      context.stdout.write(`Local sign-in is open until ${until.toISOString()}.${after}\n`);
      return undefined;
    } finally {
      // The letters about it are sent before the command ends.
      await opened.close();
    }
  });
}

function span(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a number and its unit: 30m, 2h.');
  return ms;
}
