// The wish to empty the running hub arrives; how it goes on leaves, until its process has ended.

import { Command } from 'commander';

import { ControlClient } from '../process/control-client.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';

interface Options {
  readonly json?: boolean;
}

export function drainCommand(context: CommandContext, finish: (exitCode: number) => void): Command {
  return new Command('drain')
    .description(
      'let the running hub finish what it carries, for HUB_DRAIN_TIMEOUT at most, and end',
    )
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => finish(await drain(context, options)));
}

/** @throws ControlError */
async function drain(context: CommandContext, { json }: Options): Promise<number> {
  const { dataDir } = configOf(context);
  const hub = await ControlClient.connect(dataDir);
  if (hub === undefined) {
    context.stderr.write(
      `phlix-hub: no hub runs with ${dataDir}; set HUB_DATA_DIR to the folder of the one you mean.\n`,
    );
    return exitCode.unavailable;
  }
  const beganAt = performance.now();
  const answer = await hub.ask('drain');
  const streams = answer?.event === 'draining' ? answer.streams : 0;
  if (json !== true)
    context.stdout.write(`The hub drains: ${count(streams)}. It ends by itself.\n`);
  await hub.ended();
  const seconds = (performance.now() - beganAt) / 1000;
  if (json === true) printJson(context, { streams, seconds: Number(seconds.toFixed(3)) });
  else context.stdout.write(`It has ended, after ${seconds.toFixed(1)} s.\n`);
  return exitCode.ok;
}

function count(streams: number): string {
  return streams === 1 ? '1 stream runs' : `${streams} streams run`;
}
