// The wish to trust this hub arrives; its local CA is shown, or put into the stores of this machine, or taken out again.

import { homedir } from 'node:os';

import { Command } from 'commander';

import { SettingsError } from '../../shared/settings/settings.ts';
import { localCaDomains } from '../certificates/local-ca.ts';
import { openLocalAuthority, type LocalAuthority } from '../certificates/local-authority.ts';
import { distrust, trust, type TrustPlaces, type TrustStep } from '../certificates/trust-store.ts';
import { localCaFolder } from '../config.ts';
import { printJson, settingsOf, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

export function localCaCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  const command = new Command('local-ca').description(
    'the certificate authority of HUB_TLS=local-ca',
  );
  const change = (work: typeof trust, undo: string) => async (options: Options) => {
    const steps = await work(await authorityOf(context), placesOf(context));
    report(context, steps, undo, options);
    // A machine has one of the two at least; if neither took it, nothing trusts the hub now.
    if (!steps.some(({ isDone }) => isDone)) finish(exitCode.noPermission);
  };
  command
    .command('trust')
    .description('make this machine and your Chromium trust it (sudo for the machine)')
    .option('--json', 'print one JSON object')
    .action(change(trust, 'phlix-hub local-ca untrust undoes it.'));
  command
    .command('untrust')
    .description('undo trust')
    .option('--json', 'print one JSON object')
    .action(change(distrust, 'phlix-hub local-ca trust installs it again.'));
  command
    .command('show')
    .description('where its certificate is, and its fingerprint')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => show(context, await authorityOf(context), options));
  command.addHelpText('after', examples);
  return command;
}

const examples = `
Examples:
  phlix-hub local-ca trust
  sudo --preserve-env=HOME,HUB_DATA_DIR phlix-hub local-ca trust
  curl --cacert "$(phlix-hub local-ca show --json | jq -r .certificate)" https://hub.localhost:8443/`;

async function authorityOf(context: CommandContext): Promise<LocalAuthority> {
  // What makes this machine trust it is root's to do.
  const config = settingsOf(context);
  if (config.tls.kind !== 'local-ca') {
    const expected = 'this hub has no authority of its own with HUB_TLS=files';
    const remedy = 'trust the authority that issued its certificates instead';
    throw new SettingsError([{ name: 'HUB_TLS', expected, remedy }]);
  }
  return openLocalAuthority(localCaFolder(config), localCaDomains(config), new Date());
}

function placesOf(context: CommandContext): TrustPlaces {
  const home = context.environment['HOME'] || homedir();
  return { home, isRoot: process.getuid?.() === 0, root: '/' };
}

function report(
  context: CommandContext,
  steps: readonly TrustStep[],
  undo: string,
  options: Options,
): void {
  if (options.json) {
    const rows = steps.map(({ place, isDone, remark }) => ({ place, done: isDone, remark }));
    return printJson(context, { steps: rows });
  }
  const rows = steps.map(({ place, isDone, remark }) => [
    place,
    isDone ? 'done' : 'not done',
    remark,
  ]);
  context.stdout.write(table(['WHERE', 'STATE', 'REMARK'], rows));
  context.stdout.write(
    `Restart browsers that are open. Firefox has a list of its own: Settings, Certificates, Import. ${undo}\n`,
  );
}

function show(context: CommandContext, authority: LocalAuthority, options: Options): void {
  const { certificatePath, fingerprint, notAfter } = authority;
  if (options.json) {
    const facts = { certificate: certificatePath, fingerprint, not_after: notAfter.toISOString() };
    return printJson(context, facts);
  }
  context.stdout.write(
    `certificate  ${certificatePath}\nfingerprint  ${fingerprint} (SHA-256 of its public key)\nvalid until  ${notAfter.toISOString()}\n`,
  );
}
