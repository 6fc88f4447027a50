// Words about identity providers arrive; they are kept, shown, tried and forgotten, and no client secret is ever seen among them (row A-06).

import { readFile } from 'node:fs/promises';

import { Command, Option } from 'commander';

import { AccountError } from '../accounts/account-error.ts';
import { presetNames, presets, type PresetName } from '../accounts/sso/presets.ts';
import type { Provider } from '../accounts/sso/provider.ts';
import type { Providers } from '../accounts/sso/providers.ts';
import { publicUrlOf } from '../config.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { table } from './table.ts';

interface AddOptions {
  readonly preset: PresetName;
  readonly issuer: string;
  readonly clientId: string;
  readonly secretFile?: string;
  readonly secretEnv?: string;
  readonly name?: string;
  readonly adminGroup?: string[];
  readonly ownerGroup?: string[];
  readonly memberGroup?: string[];
  readonly groupsClaim?: string;
  readonly mfaAcr?: string[];
  readonly mfaAmr?: string[];
  readonly linkByEmail?: boolean;
  readonly createAccounts?: boolean;
  readonly allowPrivate?: boolean;
  readonly allow?: string[];
  readonly json?: boolean;
}

interface Options {
  readonly json?: boolean;
}

export function ssoCommand(context: CommandContext): Command {
  const command = new Command('sso').description(
    'identity providers that people sign in with: add, list, test, remove',
  );
  addCommand(command)
    .argument('<id>', 'a word for its addresses, such as keycloak')
    .action(async (id: string, options: AddOptions) => add(context, id, options));
  command
    .command('list')
    .description('all providers, and how they are set up')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  command
    .command('test')
    .description("read a provider's documents and keys now")
    .argument('<id>', 'one that was added')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Options) => test(context, id, options));
  command
    .command('remove')
    .description('forget a provider, and everybody who came by it')
    .argument('<id>', 'one that was added')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Options) => remove(context, id, options));
  return command.addHelpText('after', examples);
}

const examples = `
The client secret is read from a file or from a variable, since other users of the machine can read a command line.

Examples:
  phlix-hub sso add keycloak --preset keycloak --issuer https://idp.example.org/realms/home --client-id phlix --secret-file secret.txt
  phlix-hub sso add id --preset pocket-id --issuer https://id.example.org --client-id phlix --secret-env CLIENT_SECRET
  phlix-hub sso test keycloak
  phlix-hub sso list --json`;

function addCommand(command: Command): Command {
  return command
    .command('add')
    .description('let people sign in with a provider')
    .addOption(new Option('--preset <product>', 'what it is').choices(presetNames).default('other'))
    .requiredOption('--issuer <address>', `such as ${presets.keycloak.issuer}`)
    .requiredOption('--client-id <id>', 'of the client that was made there for this hub')
    .addOption(
      new Option('--secret-file <file>', "the client's secret is in this file").conflicts(
        'secretEnv',
      ),
    )
    .option('--secret-env <name>', "the client's secret is in this variable")
    .option('--name <name>', 'on the button')
    .option('--admin-group <group...>', 'whose people become hub admins, with a second factor')
    .option('--owner-group <group...>', 'whose people become owners')
    .option('--member-group <group...>', 'whose people become members')
    .option('--groups-claim <claim>', 'where the provider puts groups')
    .option('--mfa-acr <value...>', 'what it says (acr) when it asked for a second factor')
    .option('--mfa-amr <value...>', 'the same in amr')
    .option('--link-by-email', 'find accounts by a verified e-mail address the first time')
    .option('--create-accounts', 'make an account for whoever has none')
    .option('--allow-private', 'it is in a private network')
    .option('--allow <network...>', 'closed networks that it may be in, such as 169.254.1.2/32')
    .option('--json', 'print one JSON object');
}

async function add(context: CommandContext, id: string, options: AddOptions): Promise<void> {
  const secret = await secretFrom(context, options);
  await withProviders(context, async (providers) => {
    const { adminGroup: admin = [], ownerGroup: owner = [], memberGroup: member = [] } = options;
    const usual = presets[options.preset].mfa;
    const provider = await providers.add(
      {
        id,
        preset: options.preset,
        issuer: options.issuer,
        clientId: options.clientId,
        secret,
        name: options.name,
        groupsClaim: options.groupsClaim,
        roleMap: { admin, owner, member },
        mfa: { acr: options.mfaAcr ?? usual.acr, amr: options.mfaAmr ?? usual.amr },
        linksByEmail: options.linkByEmail,
        createsAccounts: options.createAccounts,
        allowPrivate: options.allowPrivate,
        allow: options.allow,
      },
      'host',
    );
    if (options.json === true) return printJson(context, providerJson(provider, providers));
    const redirect = providers.redirectUri(provider);
    const steps = presets[provider.preset].steps.map((step) => `  ${step}\n`).join('');
    context.stdout.write(
      `${provider.name} is added. At the provider:\n${steps}  Redirect address: ${redirect}\n  Back-channel logout: ${logoutUri(redirect)}\nThen look whether it answers: phlix-hub sso test ${id}\n`,
    );
    return undefined;
  });
}

/** @throws AccountError sso.settings */
async function secretFrom(
  { environment }: CommandContext,
  { secretFile, secretEnv }: AddOptions,
): Promise<string | undefined> {
  if (secretFile !== undefined) {
    try {
      return (await readFile(secretFile, 'utf8')).trim();
    } catch (error) {
      throw new AccountError(
        'sso.settings',
        `the file of --secret-file cannot be read (${(error as NodeJS.ErrnoException).code}): check its path, and that this user may read it`,
        { cause: error },
      );
    }
  }
  if (secretEnv === undefined) return undefined;
  const secret = environment[secretEnv]?.trim();
  if (secret !== undefined && secret !== '') return secret;
  throw new AccountError('sso.settings', `${secretEnv} is not set: put the client's secret there`);
}

async function list(context: CommandContext, options: Options): Promise<void> {
  await withProviders(context, async (providers) => {
    const all = await providers.list();
    if (options.json === true) {
      const shown = all.map((provider) => providerJson(provider, providers));
      return printJson(context, { providers: shown });
    }
    const rows = all.map(({ id, name, issuer, isEnabled, answeredAt }) => [
      id,
      name,
      issuer,
      isEnabled ? 'on' : 'off',
      answeredAt?.toISOString() ?? 'never',
    ]);
    context.stdout.write(
      rows.length === 0
        ? 'No providers yet. Add one with: phlix-hub sso add\n'
        : table(['ID', 'NAME', 'ISSUER', 'STATE', 'LAST ANSWER'], rows),
    );
    return undefined;
  });
}

async function test(context: CommandContext, id: string, options: Options): Promise<void> {
  await withProviders(context, async (providers) => {
    const provider = await providers.test(id);
    if (options.json === true) return printJson(context, { id, answers: true });
    context.stdout.write(`${provider.name} answers, and its keys can be read.\n`);
    return undefined;
  });
}

async function remove(context: CommandContext, id: string, options: Options): Promise<void> {
  await withProviders(context, async (providers) => {
    const { name } = await providers.remove(id, 'host');
    if (options.json === true) return printJson(context, { id });
    context.stdout.write(`${name} is removed: it opens no account any more.\n`);
    return undefined;
  });
}

async function withProviders(
  context: CommandContext,
  work: (providers: Providers) => Promise<void>,
): Promise<void> {
  const config = configOf(context);
  const { openKeyRing } = await import('../composition/key-ring.ts');
  const { openProviders } = await import('../composition/single-sign-on.ts');
  const { createSafeFetch } = await import('../outbound/safe-fetch.ts');
  await withAudit(context, config, async ({ stores, audit }) => {
    const { providers } = openProviders(config, {
      stores,
      keyRing: await openKeyRing(config, stores),
      audit,
      notices: { tell: () => undefined },
      fetch: createSafeFetch(),
      origin: () => publicUrlOf(config).origin,
    });
    await work(providers);
  });
}

function providerJson(provider: Provider, providers: Providers): object {
  const { sealedSecret, roleMap, mfa, ...shown } = provider;
  const redirectUri = providers.redirectUri(provider);
  return {
    id: shown.id,
    name: shown.name,
    preset: shown.preset,
    issuer: shown.issuer,
    client_id: shown.clientId,
    has_secret: sealedSecret !== undefined,
    redirect_uri: redirectUri,
    back_channel_logout_uri: logoutUri(redirectUri),
    scopes: shown.scopes,
    groups_claim: shown.groupsClaim,
    role_map: roleMap,
    mfa,
    links_by_email: shown.linksByEmail,
    creates_accounts: shown.createsAccounts,
    allow_private: shown.allowPrivate,
    allow: shown.allow,
    is_enabled: shown.isEnabled,
    answered_at: shown.answeredAt?.toISOString() ?? null,
  };
}

function logoutUri(redirectUri: string): string {
  return redirectUri.replace(/callback$/, 'back-channel-logout');
}
