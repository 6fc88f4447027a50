// An account arrives, named by whoever has the machine; where it is signed in leaves, or a browser of it is signed out.

import type { Command } from 'commander';

import { placeOf as networkOf } from '../accounts/login/arrivals.ts';
import type { Login } from '../accounts/login/login.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { requireAccount, withPeople } from './host-people.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `user logins` and `user sign-out`. */
export function addLoginCommands(
  user: Command,
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  user
    .command('logins')
    .description('where an account is signed in, the newest first')
    .argument('<account>', 'its name, proven e-mail address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => list(context, wanted, options));
  user
    .command('sign-out')
    .description('end a login, or with "all" every one of the account, within a second')
    .argument('<account>', 'its name, proven e-mail address or id')
    .argument('<login>', 'the id of one, or all')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, id: string, options: Options) =>
      finish(await signOut(context, wanted, { ...options, id })),
    );
  return user;
}

async function list(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const logins = await withPeople(context, options, async ({ people }) =>
    people.logins.list(await requireAccount(people, wanted)),
  );
  if (options.json === true) return printJson(context, { logins: logins.map(loginJson) });
  if (logins.length === 0) return void context.stdout.write('This account is signed in nowhere.\n');
  const now = new Date();
  const rows = logins.map((login) => [
    login.software,
    login.address === undefined ? '-' : networkOf(login.address),
    `${age(login.createdAt, now)} ago`,
    `${age(login.seenAt, now)} ago`,
    login.id,
  ]);
  context.stdout.write(table(['BROWSER', 'NETWORK', 'SINCE', 'SEEN', 'ID'], rows));
  return undefined;
}

async function signOut(
  context: CommandContext,
  wanted: string,
  { id: login, json }: Options & { id: string },
): Promise<number> {
  const options = json === undefined ? {} : { json };
  const isAll = login === 'all';
  const { username, ended } = await withPeople(context, options, async ({ people, note }) => {
    const account = await requireAccount(people, wanted);
    const { id, username } = account;
    const isOne = (await people.logins.list(account)).some((each) => each.id === login);
    const one = async () =>
      Number(isOne && (await people.logins.end({ accountId: id, id: login })));
    const ended = isAll ? await people.logins.endAll(id) : await one();
    const reason = `${ended} of ${username}`;
    if (ended > 0) note({ event: 'login.ended', target: isAll ? username : login, reason });
    return { username, ended };
  });
  if (ended === 0 && !isAll) {
    context.stderr.write(
      `phlix-hub: ${printable(username)} has no login "${printable(login)}"; phlix-hub user logins shows those there are.\n`,
    );
    return exitCode.badData;
  }
  if (json === true) printJson(context, { ended });
  else context.stdout.write(`${ended === 1 ? '1 login has' : `${ended} logins have`} ended.\n`);
  return exitCode.ok;
}

/** Of the address no more than its owner is shown: enough to recognise a place by. */
function loginJson(login: Login): object {
  return {
    id: login.id,
    software: login.software,
    network: login.address === undefined ? null : networkOf(login.address),
    methods: login.methods,
    restriction: login.restriction ?? null,
    created_at: login.createdAt.toISOString(),
    seen_at: login.seenAt.toISOString(),
    ends_at: login.endsAt.toISOString(),
  };
}
