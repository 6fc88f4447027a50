// A server and a reason arrive; from now on nobody reaches it, on the running hub too, until it is resumed. Nothing of it is deleted.

import { InvalidArgumentError, type Command } from 'commander';

import type { Server } from '../tunnels/server.ts';
import { configOf, noteIdleFolder, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { addressOf, requireServer, serverJson } from './servers.ts';
import { printable } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `servers suspend` and `servers resume`. */
export function addSuspensionCommands(servers: Command, context: CommandContext): Command {
  servers
    .command('suspend')
    .description('keep every visitor from a server, at once; nothing of it is deleted')
    .argument('<server>', 'its label, address or id')
    .requiredOption('--reason <text>', 'why: its owner reads it', reasonText)
    .option('--json', 'print one JSON object')
    .addHelpText('after', example)
    .action(async (wanted: string, options: Options & { reason: string }) =>
      suspend(context, wanted, options),
    );
  servers
    .command('resume')
    .description('let visitors reach a suspended server again')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => resume(context, wanted, options));
  return servers;
}

const example = `
Example:
  phlix-hub servers suspend movies --reason "report 2026-117: copies of films for everybody"`;

async function suspend(
  context: CommandContext,
  wanted: string,
  options: Options & { reason: string },
): Promise<void> {
  const { reason } = options;
  const server = await change(context, wanted, options, {
    event: 'server.suspended',
    reason,
    make: async (servers, id) => servers.suspend(id, reason),
  });
  if (options.json === true) return undefined;
  const address = addressOf(server, configOf(context)) ?? 'It has no address, and';
  context.stdout.write(
    `${printable(server.name)} is suspended. ${address} is closed to visitors; its name and its data are kept.\n`,
  );
  return undefined;
}

async function resume(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const server = await change(context, wanted, options, {
    event: 'server.resumed',
    make: async (servers, id) => servers.resume(id),
  });
  if (options.json === true) return undefined;
  context.stdout.write(
    `${printable(server.name)} may be reached again. Its agent comes back within five minutes; restarted, at once.\n`,
  );
  return undefined;
}

interface Change {
  readonly event: 'server.suspended' | 'server.resumed';
  readonly reason?: string;
  readonly make: (
    servers: {
      suspend(id: string, reason: string): Promise<Server>;
      resume(id: string): Promise<Server>;
    },
    id: string,
  ) => Promise<Server>;
}

async function change(
  context: CommandContext,
  wanted: string,
  options: Options,
  { event, reason, make }: Change,
): Promise<Server> {
  const config = configOf(context);
  const changed = await withAudit(context, config, async ({ stores, note }) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const found = await requireServer(stores.servers, config, wanted);
    const server = await make(stores.servers, found.id);
    note({ event, server: found.id, target: found.label, reason });
    return server;
  });
  if (options.json === true) printJson(context, serverJson(changed, config));
  return changed;
}

/** As the API takes it. */
const longestReason = 200;

function reasonText(text: string): string {
  const reason = text.trim();
  if (reason.length > 0 && reason.length <= longestReason) return reason;
  throw new InvalidArgumentError(`Write one sentence of 1 to ${longestReason} characters.`);
}
