// Words about invitations arrive, from whoever has the machine; those that can still be used leave as a list, or one of them is taken back.

import type { Command } from 'commander';

import type { Invitation } from '../accounts/invitations.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { withPeople } from './host-people.ts';
import { table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `user invitations list` and `user invitations withdraw`. */
export function addInvitationCommands(user: Command, context: CommandContext): Command {
  const invitations = user
    .command('invitations')
    .description('invitations that nobody has used yet: list, withdraw');
  invitations
    .command('list')
    .description('those that can still be used, the newest first, never their links')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  invitations
    .command('withdraw')
    .description('take one back: its link opens nothing any more')
    .argument('<invitation>', 'its id')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Options) => withdraw(context, id, options));
  return user;
}

async function list(context: CommandContext, options: Options): Promise<void> {
  const open = await withPeople(context, options, async ({ people }) => people.invitations.list());
  if (options.json === true) return printJson(context, { invitations: open.map(invitationJson) });
  if (open.length === 0) return void context.stdout.write('No invitation is open.\n');
  const rows = open.map(({ role, email, serverId, expiresAt, id }) => [
    role,
    email ?? '-',
    serverId ?? '-',
    expiresAt.toISOString().slice(0, 10),
    id,
  ]);
  context.stdout.write(table(['ROLE', 'FOR', 'SERVER', 'UNTIL', 'ID'], rows));
  return undefined;
}

async function withdraw(context: CommandContext, id: string, options: Options): Promise<void> {
  await withPeople(context, options, async ({ people }) => people.invitations.withdraw(id, 'host'));
  if (options.json === true) return printJson(context, { id });
  context.stdout.write('It is withdrawn.\n');
  return undefined;
}

function invitationJson(invitation: Invitation): object {
  return {
    id: invitation.id,
    role: invitation.role,
    server_id: invitation.serverId ?? null,
    email: invitation.email ?? null,
    created_at: invitation.createdAt.toISOString(),
    expires_at: invitation.expiresAt.toISOString(),
  };
}
