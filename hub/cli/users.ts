// Words about people arrive, from whoever has the machine; accounts leave invited, made, changed, reset or gone.

import { readFile } from 'node:fs/promises';

import { Argument, Command, Option } from 'commander';

import { roles, type Account, type Role } from '../accounts/account.ts';
import { AccountError } from '../accounts/account-error.ts';
import type { People } from '../composition/people.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { requireAccount, withPeople, type HostPeople } from './host-people.ts';
import { requireServer } from './servers.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

interface InviteOptions extends Options {
  readonly role: Role;
  readonly email?: string;
  readonly server?: string;
}

interface CreateOptions extends Options {
  readonly role: Role;
  readonly email?: string;
  readonly passwordFile: string;
}

interface ResetMfaOptions extends Options {
  readonly reason: string;
  readonly keepSso?: boolean;
}

export function userCommand(context: CommandContext): Command {
  const command = new Command('user').description(
    'people: list, invite, invitations, create, set-role, suspend, resume, reset-mfa, reset-password, open-networks, logins, sign-out, export, remove',
  );
  const withAccount = (
    name: string,
    description: string,
    change: (rooms: HostPeople, account: Account) => Promise<string>,
  ): Command =>
    command
      .command(name)
      .description(description)
      .argument('<account>', 'its name, proven e-mail address or id')
      .option('--json', 'print one JSON object')
      .action(async (wanted: string, options: Options) =>
        changed(context, wanted, options, change),
      );
  command
    .command('list')
    .description('everybody, by name')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  addInvite(command, context);
  addCreate(command, context);
  addSetRole(command, context);
  withAccount(
    'suspend',
    'nothing opens the account until it is resumed; its servers go on',
    suspend,
  );
  withAccount('resume', 'let a suspended account sign in again', resume);
  addResets(command, context);
  withAccount('open-networks', 'let an account come from anywhere again', openNetworks);
  withAccount(
    'remove',
    'delete an account with all that is kept of it; its servers are revoked',
    remove,
  );
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub user invite --role owner --email ann@example.org
  phlix-hub user set-role ann admin
  phlix-hub user reset-mfa ann --reason "lost the phone"
  phlix-hub user reset-password ann --password-file /dev/stdin
  phlix-hub user remove bob`;

const roleOption = (): Option =>
  new Option('--role <role>', 'what the account may do').choices(roles).default('member');

const passwordFile = (): Option =>
  new Option(
    '--password-file <path>',
    'the password is its first line; /dev/stdin to type or pipe it',
  ).makeOptionMandatory();

function addInvite(command: Command, context: CommandContext): void {
  command
    .command('invite')
    .description('a link by which somebody makes an account of his own, once')
    .addOption(roleOption())
    .option('--email <address>', 'whom it is for')
    .option('--server <server>', 'which server is shared with the new account')
    .option('--json', 'print one JSON object')
    .action(async (options: InviteOptions) => invite(context, options));
}

function addCreate(command: Command, context: CommandContext): void {
  command
    .command('create')
    .description('an account with a password; better is invite, by which nobody else knows it')
    .argument('<name>', 'a user name')
    .addOption(roleOption())
    .option('--email <address>', 'for letters; proven by a link later')
    .addOption(passwordFile())
    .option('--json', 'print one JSON object')
    .action(async (name: string, options: CreateOptions) => create(context, name, options));
}

function addSetRole(command: Command, context: CommandContext): void {
  command
    .command('set-role')
    .description('what an account may do; its logins end')
    .argument('<account>', 'its name, proven e-mail address or id')
    .addArgument(new Argument('<role>', 'what it may do from now on').choices(roles))
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, role: Role, options: Options) =>
      changed(context, wanted, options, async ({ people }, account) => {
        const { username } = await people.accounts.changeRole(account, role, 'host');
        return `${printable(username)} is ${role} now.`;
      }),
    );
}

function addResets(command: Command, context: CommandContext): void {
  command
    .command('reset-mfa')
    .description('forget every factor, token and login; a new factor is set up at the next sign-in')
    .argument('<account>', 'its name, proven e-mail address or id')
    .option('--reason <text>', 'what its owner and the audit log are told', 'by the operator')
    .option('--keep-sso', 'identity providers stay linked')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: ResetMfaOptions) =>
      changed(context, wanted, options, async ({ people }, account) => {
        const { id, username } = account;
        const { reason, keepSso = false } = options;
        const doer = { actor: 'host' } as const;
        await people.resets.resetByAdmin(account, { reason, keepsSso: keepSso, doer });
        const next = (await people.accounts.hasPassword(id))
          ? 'the password stays'
          : 'there is no password either: set one with phlix-hub user reset-password';
        return `The factors, tokens and logins of ${printable(username)} are gone; ${next}.`;
      }),
    );
  command
    .command('reset-password')
    .description('another password; every login of the account ends')
    .argument('<account>', 'its name, proven e-mail address or id')
    .addOption(passwordFile())
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options & { passwordFile: string }) => {
      const password = await firstLine(options.passwordFile);
      await changed(context, wanted, options, async ({ people }, account) => {
        await people.accounts.setPassword(account, password, 'host');
        return `${printable(account.username)} has another password.`;
      });
    });
}

async function list(context: CommandContext, options: Options): Promise<void> {
  const accounts = await withPeople(context, options, async ({ people }) => all(people));
  if (options.json === true) return printJson(context, { users: accounts.map(accountJson) });
  if (accounts.length === 0) {
    const sentence =
      'Nobody yet. The first admin opens the address that the hub logs at its start.';
    return void context.stdout.write(`${sentence}\n`);
  }
  const now = new Date();
  const rows = accounts.map((account) => [
    account.username,
    account.role,
    account.state,
    account.lastLoginAt === undefined ? 'never' : `${age(account.lastLoginAt, now)} ago`,
    account.email ?? '-',
    account.id,
  ]);
  context.stdout.write(table(['NAME', 'ROLE', 'STATE', 'SIGNED IN', 'E-MAIL', 'ID'], rows));
  return undefined;
}

async function all({ accounts }: People): Promise<Account[]> {
  const found: Account[] = [];
  for (;;) {
    const page = await accounts.list({ after: found.at(-1)?.key, limit: pageLength });
    found.push(...page);
    if (page.length < pageLength) return found;
  }
}

const pageLength = 500;

async function invite(context: CommandContext, options: InviteOptions): Promise<void> {
  const { role, email } = options;
  await withPeople(context, options, async ({ config, stores, people, origin }) => {
    const server =
      options.server === undefined
        ? undefined
        : await requireServer(stores.servers, config, options.server);
    const wish = { role, email, serverId: server?.id };
    const { invitation, secret } = await people.invitations.invite(wish, 'host');
    // Behind the #: browsers keep that to themselves, so it reaches no log on the way.
    const link = `${origin}/invite#${secret}`;
    const expiresAt = invitation.expiresAt.toISOString();
    if (options.json === true)
      return printJson(context, { id: invitation.id, role, link, expires_at: expiresAt });
    context.stdout.write(`${link}\nIt works once, until ${expiresAt}, and is not shown again.\n`);
    return undefined;
  });
}

async function create(
  context: CommandContext,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const password = await firstLine(options.passwordFile);
  const { email, role } = options;
  const account = await withPeople(context, options, async ({ people }) =>
    people.creation.create({ username: name, email, password, role }, 'host'),
  );
  if (options.json === true) return printJson(context, accountJson(account));
  context.stdout.write(`${printable(account.username)} can sign in now, as ${account.role}.\n`);
  return undefined;
}

async function changed(
  context: CommandContext,
  wanted: string,
  options: Options,
  change: (rooms: HostPeople, account: Account) => Promise<string>,
): Promise<void> {
  const { account, sentence } = await withPeople(context, options, async (rooms) => {
    const before = await requireAccount(rooms.people, wanted);
    const sentence = await change(rooms, before);
    return { account: (await rooms.people.accounts.find(before.id)) ?? before, sentence };
  });
  if (options.json === true) return printJson(context, accountJson(account));
  context.stdout.write(`${sentence}\n`);
  return undefined;
}

async function suspend({ people }: HostPeople, account: Account): Promise<string> {
  await people.accounts.suspend(account, 'host');
  return `${printable(account.username)} is suspended, and signed out everywhere.`;
}

async function resume({ people }: HostPeople, account: Account): Promise<string> {
  await people.accounts.resume(account, 'host');
  return `${printable(account.username)} may sign in again.`;
}

async function openNetworks({ people }: HostPeople, account: Account): Promise<string> {
  await people.accounts.openNetworks(account, 'host');
  return `${printable(account.username)} may come from anywhere.`;
}

async function remove({ people }: HostPeople, account: Account): Promise<string> {
  const { serversRevoked } = await people.accounts.remove(account, 'host');
  const servers = serversRevoked === 1 ? '1 server is' : `${serversRevoked} servers are`;
  return `${printable(account.username)} is gone; ${servers} revoked.`;
}

function accountJson(account: Account): object {
  return {
    id: account.id,
    username: account.username,
    email: account.email ?? null,
    role: account.role,
    state: account.state,
    created_at: account.createdAt.toISOString(),
    last_login_at: account.lastLoginAt?.toISOString() ?? null,
  };
}

/** @throws AccountError account.password-weak when there is none to read */
async function firstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw new AccountError(
      'account.password-weak',
      `No password can be read from ${path}: write it into a file that only you can read, or use /dev/stdin.`,
      { cause: error },
    );
  }
}
