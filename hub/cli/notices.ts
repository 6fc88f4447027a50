// Words about where notices go arrive, from whoever has the machine; places are added, shown, tried and removed, and no secret of theirs is seen again (row A-22).

import { readFile } from 'node:fs/promises';

import { Argument, Command, Option } from 'commander';

import type { NoticeKind } from '../notices/notice.ts';
import { NoticeError } from '../notices/notice-error.ts';
import { targetKinds, type NoticeTarget, type TargetKind } from '../notices/targets/target.ts';
import { noticeKinds } from '../notices/wording.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { requireAccount, withPeople, type HostPeople } from './host-people.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly account?: string;
  readonly json?: boolean;
}

interface AddOptions extends Options {
  readonly addressFile?: string;
  readonly secretFile?: string;
  readonly only?: readonly NoticeKind[];
  readonly allow?: readonly string[];
}

type Finish = (exitCode: number) => void;

export function noticesCommand(context: CommandContext, finish: Finish): Command {
  const command = new Command('notices').description(
    'where notices go beside mail: list, add, remove, test',
  );
  const place = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--account <account>', 'notices about this account and its servers, not the hub’s')
      .option('--json', 'print one JSON object');
  place('list', 'all places, and what came of the last notice to each').action(
    async (options: Options) => list(context, options),
  );
  place('add', 'one more place')
    .addArgument(new Argument('<kind>', 'what is there').choices(targetKinds))
    .argument('[address]', 'an e-mail address, or the https:// address of the webhook or topic')
    .option('--address-file <file>', 'the address is in this file, where it is a secret in itself')
    .option('--secret-file <file>', 'the token of ntfy or Gotify, or the key of a webhook')
    .addOption(new Option('--only <kind...>', 'of these alone').choices(noticeKinds()))
    .option('--allow <network...>', 'closed networks that it may be in, such as 192.168.1.7')
    .action(async (kind: TargetKind, address: string | undefined, options: AddOptions) =>
      add(context, { ...options, kind, address }),
    );
  place('remove', 'send nothing there any more')
    .argument('<place>', 'its id')
    .action(async (id: string, options: Options) => remove(context, id, options));
  place('test', 'send a test there now; exits 69 when it did not arrive')
    .argument('<place>', 'its id')
    .action(async (id: string, options: Options) => finish(await test(context, id, options)));
  return command.addHelpText('after', examples);
}

const examples = `
Without --account it is about the hub itself: what its admins are told.

Examples:
  phlix-hub notices add webhook https://chat.example.org/hooks/phlix --only server.offline server.online
  phlix-hub notices add gotify https://gotify.example.org --secret-file token.txt
  phlix-hub notices add ntfy --address-file topic.txt --account ann
  phlix-hub notices list
  phlix-hub notices test 0197f3a2-0000-7000-8000-000000000000`;

async function list(context: CommandContext, options: Options): Promise<void> {
  const targets = await withPeople(context, options, async (rooms) =>
    rooms.targets.list(await accountIdOf(rooms, options)),
  );
  if (options.json === true) return printJson(context, { items: targets.map(targetJson) });
  if (targets.length === 0) {
    context.stdout.write('No place for notices beside mail: phlix-hub notices add adds one.\n');
    return undefined;
  }
  const now = new Date();
  const rows = targets.map((target) => [
    target.kind,
    target.label,
    target.kinds.join(' ') || 'all',
    stateOf(target, now),
    target.id,
  ]);
  context.stdout.write(table(['KIND', 'WHERE', 'OF', 'LAST', 'ID'], rows));
  return undefined;
}

function stateOf({ isEnabled, lastSentAt, failure }: NoticeTarget, now: Date): string {
  if (!isEnabled) return 'silenced';
  if (failure !== undefined) return `failed ${age(failure.at, now)} ago: ${failure.reason}`;
  return lastSentAt === undefined ? 'nothing yet' : `sent ${age(lastSentAt, now)} ago`;
}

async function add(
  context: CommandContext,
  options: AddOptions & { readonly kind: TargetKind; readonly address: string | undefined },
): Promise<void> {
  const { kind, only: kinds, allow } = options;
  const address = await addressOf(options);
  const given = options.secretFile && (await firstLine(options.secretFile));
  const { target, secret } = await withPeople(context, options, async (rooms) => {
    const accountId = await accountIdOf(rooms, options);
    const made = await rooms.targets.add({ accountId, kind, address, secret: given, kinds, allow });
    note(rooms, made.target);
    return made;
  });
  const fresh = given === undefined ? secret : undefined;
  if (options.json === true)
    return printJson(context, { ...targetJson(target), secret: fresh ?? null });
  const told =
    fresh === undefined ? '' : `Its signatures are made with ${fresh}, shown this once.\n`;
  context.stdout.write(
    `${printable(target.label)} is told from now on.\n${told}Try it: phlix-hub notices test ${target.id}\n`,
  );
  return undefined;
}

async function remove(context: CommandContext, id: string, options: Options): Promise<void> {
  const target = await withPeople(context, options, async (rooms) => {
    const removed = await rooms.targets.remove(id, await accountIdOf(rooms, options));
    note(rooms, removed, ' removed');
    return removed;
  });
  if (options.json === true) return printJson(context, targetJson(target));
  context.stdout.write(`${printable(target.label)} is told nothing any more.\n`);
  return undefined;
}

async function test(context: CommandContext, id: string, options: Options): Promise<number> {
  const said = await withPeople(context, options, async (rooms) =>
    rooms.targets.test(id, await accountIdOf(rooms, options), 'the host'),
  );
  const { isSent, reason, transcript } = said;
  if (options.json === true) {
    printJson(context, { is_sent: isSent, reason: reason ?? null, transcript });
  } else {
    for (const line of transcript) context.stdout.write(`${printable(line)}\n`);
    context.stdout.write(
      isSent ? 'It was taken.\n' : `It was not taken: ${printable(reason ?? '')}\n`,
    );
  }
  return isSent ? exitCode.ok : exitCode.unavailable;
}

async function accountIdOf(
  { people }: HostPeople,
  { account }: Options,
): Promise<string | undefined> {
  return account === undefined ? undefined : (await requireAccount(people, account)).id;
}

function note({ note: write }: HostPeople, { kind, label }: NoticeTarget, done = ''): void {
  write({ event: 'notice.target-changed', target: `${kind} ${label}${done}` });
}

async function addressOf({
  kind,
  address,
  addressFile,
}: AddOptions & { kind: TargetKind; address: string | undefined }): Promise<string> {
  if (addressFile !== undefined && address === undefined) return firstLine(addressFile);
  if (addressFile === undefined && address !== undefined) return address;
  throw new NoticeError(
    'notice.target',
    `say where the ${kind} is: its address, or --address-file with a file that holds it`,
  );
}

/** @throws NoticeError notice.target */
async function firstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw new NoticeError(
      'notice.target',
      `nothing can be read from ${path}: check the path, and that this user may read it`,
      { cause: error },
    );
  }
}

function targetJson(target: NoticeTarget): object {
  return {
    id: target.id,
    kind: target.kind,
    label: target.label,
    kinds: target.kinds,
    allow: target.allow,
    is_enabled: target.isEnabled,
    created_at: target.createdAt.toISOString(),
    last_sent_at: target.lastSentAt?.toISOString() ?? null,
    failed_at: target.failure?.at.toISOString() ?? null,
    failure: target.failure?.reason ?? null,
  };
}
