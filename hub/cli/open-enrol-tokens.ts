// Words about enrolment tokens that nobody has used arrive, from whoever has the machine; their list leaves, or they are void.

import type { Command } from 'commander';

import type { OpenToken } from '../tunnels/enrolment-store.ts';
import {
  configOf,
  noteIdleFolder,
  printJson,
  withStores,
  type CommandContext,
} from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { withAudit } from './host-audit.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `enrol-token list` and `enrol-token revoke`. */
export function addOpenTokenCommands(
  command: Command,
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  command
    .command('list')
    .description('the tokens that can still be used, of everybody, never their text')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  command
    .command('revoke')
    .description('void a token that nobody has used, or with "all" every one')
    .argument('<token>', 'the id of one, or all')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Options) => finish(await revoke(context, id, options)))
    .addHelpText('after', revokeExamples);
  return command;
}

const revokeExamples = `
A server that was enrolled already stays: phlix-hub servers revoke ends it.

Examples:
  phlix-hub enrol-token revoke 4XkQ0zpL
  phlix-hub enrol-token revoke all`;

async function list(context: CommandContext, options: Options): Promise<void> {
  const config = configOf(context);
  const tokens = await withStores(context, config, async (stores) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    return stores.enrolment.listTokens();
  });
  if (options.json === true) return printJson(context, { tokens: tokens.map(tokenJson) });
  if (tokens.length === 0) return void context.stdout.write('No enrolment token is open.\n');
  const now = new Date();
  const rows = tokens.map((token) => [
    token.id,
    token.label ?? 'any',
    token.cidr ?? 'any',
    token.serverId ?? 'a new one',
    token.ownerId,
    `${age(token.createdAt, now)} ago`,
    token.expiresAt.toISOString(),
  ]);
  const headings = ['ID', 'NAME', 'NETWORK', 'SERVER', 'OWNER', 'MADE', 'UNTIL'];
  context.stdout.write(table(headings, rows));
  return undefined;
}

async function revoke(context: CommandContext, id: string, { json }: Options): Promise<number> {
  const isAll = id === 'all';
  const gone = await withAudit(context, configOf(context), async ({ stores, note }) => {
    const { enrolment } = stores;
    const ids = isAll ? (await enrolment.listTokens()).map((token) => token.id) : [id];
    let voided = 0;
    for (const target of ids) {
      const token = await enrolment.withdrawToken(target);
      if (token === undefined) continue;
      voided += 1;
      note({ event: 'server.token-withdrawn', server: token.serverId, target });
    }
    return voided;
  });
  if (gone === 0 && !isAll) {
    context.stderr.write(
      `phlix-hub: no unused enrolment token has the id "${printable(id)}"; phlix-hub enrol-token list shows those there are.\n`,
    );
    return exitCode.badData;
  }
  if (json === true) printJson(context, { revoked: gone });
  else context.stdout.write(`${gone === 1 ? '1 token is' : `${gone} tokens are`} void.\n`);
  return exitCode.ok;
}

function tokenJson(token: OpenToken): object {
  return {
    id: token.id,
    owner_id: token.ownerId,
    label: token.label ?? null,
    server_id: token.serverId ?? null,
    cidr: token.cidr ?? null,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt.toISOString(),
  };
}
