// The words behind `phlix-hub` arrive; the command they name runs, and its exit code leaves.

import { Command, CommanderError } from 'commander';

import { version } from '../../shared/version.ts';
import { DatabaseError } from '../db/database-error.ts';
import { auditCommand } from './audit.ts';
import { authCommand } from './auth.ts';
import { backupCommand } from './backup.ts';
import { banCommand } from './bans.ts';
import { certificatesCommand } from './certificates.ts';
import type { CommandContext } from './command-context.ts';
import { databaseCommand } from './database.ts';
import { doctorCommand } from './doctor.ts';
import { domainsCommand } from './domains.ts';
import { drainCommand } from './drain.ts';
import { enrolTokenCommand } from './enrol-token.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { healthCommand } from './health.ts';
import { keysCommand } from './keys.ts';
import { localCaCommand } from './local-ca.ts';
import { loginBlocksCommand } from './login-blocks.ts';
import { noticesCommand } from './notices.ts';
import { openApiCommand } from './openapi.ts';
import { restoreCommand } from './restore.ts';
import { rollbackCommand } from './rollback.ts';
import { addMemberCommands } from './server-members.ts';
import { addSuspensionCommands } from './server-suspension.ts';
import { addTransferCommand } from './server-transfer.ts';
import { addSwitchCommands } from './server-switches.ts';
import { addFindingsCommand } from './server-findings.ts';
import { serversCommand } from './servers.ts';
import { settingsCommand } from './settings.ts';
import { ssoCommand } from './sso.ts';
import { tokenCommand } from './tokens.ts';
import { usageCommand } from './usage.ts';
import { addExportCommand } from './user-export.ts';
import { addInvitationCommands } from './user-invitations.ts';
import { addLoginCommands } from './user-logins.ts';
import { userCommand } from './users.ts';

/** Never rejects: what went wrong is one sentence on stderr, and the exit code. */
export async function runHub(words: readonly string[], context: CommandContext): Promise<number> {
  let code: number = exitCode.ok;
  const program = programOf(context, (finished) => {
    code = finished;
  });
  try {
    // A service unit or a container starts the hub by its bare name.
    await program.parseAsync(words.length === 0 ? ['start'] : words, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    return report(error, context);
  }
}

function programOf(context: CommandContext, finish: (exitCode: number) => void): Command {
  const program = new Command('phlix-hub')
    .description('A public HTTPS name for the media server at home.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .addHelpText('after', examples);
  program
    .command('start')
    .description('run the hub (what phlix-hub alone does)')
    .option(
      '--take-over',
      'take the place of the hub that runs with the same HUB_DATA_DIR, without a gap; needs HUB_DATABASE_URL',
    )
    .action(async ({ takeOver }: { takeOver?: boolean }) => {
      // The rooms of a running hub take a second to load; whoever asks for help waits for none of it.
      const { start } = await import('./start.ts');
      finish(await start(context, takeOver));
    });
  program.addCommand(doctorCommand(context, finish));
  program.addCommand(domainsCommand(context, finish));
  program.addCommand(drainCommand(context, finish));
  program.addCommand(healthCommand(context, finish));
  program.addCommand(enrolTokenCommand(context, finish));
  const servers = addSwitchCommands(serversCommand(context), context);
  addTransferCommand(servers, context);
  addFindingsCommand(servers, context);
  program.addCommand(addMemberCommands(addSuspensionCommands(servers, context), context));
  const user = addExportCommand(addInvitationCommands(userCommand(context), context), context);
  program.addCommand(addLoginCommands(user, context, finish));
  program.addCommand(loginBlocksCommand(context));
  program.addCommand(tokenCommand(context, finish));
  program.addCommand(certificatesCommand(context, finish));
  program.addCommand(banCommand(context, finish));
  program.addCommand(auditCommand(context, finish));
  program.addCommand(keysCommand(context, finish));
  program.addCommand(backupCommand(context));
  program.addCommand(restoreCommand(context));
  program.addCommand(rollbackCommand(context));
  program.addCommand(databaseCommand(context));
  program.addCommand(noticesCommand(context, finish));
  program.addCommand(ssoCommand(context));
  program.addCommand(authCommand(context));
  program.addCommand(localCaCommand(context, finish));
  program.addCommand(usageCommand(context));
  program.addCommand(settingsCommand(context));
  program.addCommand(openApiCommand(context));
  return adopt(program, context);
}

const examples = `
Settings come from the environment: HUB_PUBLIC_URL, HUB_TENANT_DOMAIN, HUB_DATA_DIR, HUB_TLS and others,
each also as NAME_FILE. README lists them.

Examples:
  phlix-hub
  phlix-hub enrol-token create --label movies
  phlix-hub servers list --json
  phlix-hub domains add films.example.org movies
  phlix-hub certificates list
  phlix-hub backup --output /mnt/usb/hub.tar.age
  phlix-hub doctor
  phlix-hub drain
  phlix-hub local-ca trust`;

/** Sub-commands made on their own inherit neither the exit nor the streams of the program. */
function adopt(command: Command, context: CommandContext): Command {
  command
    .exitOverride()
    .showHelpAfterError(`Try: ${path(command)} --help`)
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'phlix-hub: ')),
    });
  for (const child of command.commands) adopt(child, context);
  return command;
}

function path(command: Command): string {
  return command.parent === null ? command.name() : `${path(command.parent)} ${command.name()}`;
}

function report(error: unknown, context: CommandContext): number {
  const code = exitCodeOf(error);
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const said = code === undefined ? `this is a bug; please report it:\n${stack}` : message;
  context.stderr.write(`phlix-hub: ${said}\n${causeOf(error)}`);
  return code ?? exitCode.software;
}

/** What another program said. All other causes are part of the sentence already. */
function causeOf(error: unknown): string {
  const isForeign = error instanceof DatabaseError && error.code === 'database.failed';
  if (!isForeign || !(error.cause instanceof Error)) return '';
  return `  cause: ${error.cause.message.trim().replaceAll('\n', '\n  ')}\n`;
}
