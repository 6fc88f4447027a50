// The wish for another secret arrives; everything that the database holds sealed leaves sealed with it, while hubs run.

import { Command } from 'commander';

import type { Rotation } from '../composition/key-ring.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { withAudit } from './host-audit.ts';

interface Options {
  readonly json?: boolean;
}

export function keysCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  const command = new Command('keys').description(
    'the secret that seals private keys and what people prove themselves with: rotate',
  );
  command
    .command('rotate')
    .description('seal everything anew: with a new secret, or with the first of HUB_SECRET_KEY')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => finish(await rotate(context, options)));
  return command.addHelpText('after', examples);
}

const examples = `
Without HUB_SECRET_KEY a new secret is put in front in sealing.key, and running hubs notice it by themselves.
With it: set HUB_SECRET_KEY=new,former, restart every hub, run this with the same setting, and take the former away.

Examples:
  phlix-hub keys rotate`;

async function rotate(context: CommandContext, options: Options): Promise<number> {
  const config = configOf(context);
  const { openKeyRing, rotateKeys } = await import('../composition/key-ring.ts');
  return withAudit(context, config, async ({ stores, note }) => {
    const rotation = await rotateKeys(await openKeyRing(config, stores), stores);
    note({
      event: 'key.rotated',
      target: rotation.hasNewSecret ? 'sealing.key' : 'HUB_SECRET_KEY',
    });
    if (options.json === true) printJson(context, rotationJson(rotation));
    else context.stdout.write(textOf(rotation));
    return rotation.kinds.some(({ closed }) => closed > 0) ? exitCode.badData : exitCode.ok;
  });
}

function rotationJson({ kinds, hasNewSecret }: Rotation): object {
  return { has_new_secret: hasNewSecret, kinds };
}

function textOf({ kinds, hasNewSecret }: Rotation): string {
  const resealed = kinds.filter((kind) => kind.resealed > 0);
  const closed = kinds.filter((kind) => kind.closed > 0);
  const lines = resealed.map((kind) => `  ${kind.what}: ${kind.resealed}\n`);
  const done =
    resealed.length === 0
      ? 'Everything is sealed with the current secret; nothing to do.\n'
      : `Sealed anew:\n${lines.join('')}`;
  const next = hasNewSecret
    ? 'sealing.key has a new secret in front. Save it with the next backup of the database.\n'
    : '';
  const warning = closed.map(
    (kind) =>
      `Not opened by any secret that is set, and left as they are: ${kind.what}: ${kind.closed}\n`,
  );
  return `${done}${next}${warning.join('')}`;
}
