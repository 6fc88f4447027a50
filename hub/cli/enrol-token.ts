// The wish for an agent's admission arrives; a token leaves, as lines ready to paste into the agent's environment.

import { Command, InvalidArgumentError, Option } from 'commander';

import { tokenIdLength } from '../../shared/enrolment-token.ts';
import { durationText, parseDuration } from '../../shared/settings/kinds.ts';
import { localCaDomains } from '../certificates/local-ca.ts';
import { openLocalAuthority } from '../certificates/local-authority.ts';
import { agentUrlOf, localCaFolder, type HubConfig } from '../config.ts';
import { configOf, noteIdleFolder, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { addOpenTokenCommands } from './open-enrol-tokens.ts';
import { requireServer } from './servers.ts';

interface CreateOptions {
  readonly ttl: number;
  readonly label?: string;
  readonly cidr?: string;
  readonly server?: string;
  readonly json?: boolean;
}

const hourMs = 3_600_000;

export function enrolTokenCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  const command = new Command('enrol-token').description(
    'admit agents: create, list and revoke what lets them enrol',
  );
  command
    .command('create')
    .description('make a token that lets one agent enrol, once')
    .addOption(
      new Option('--ttl <duration>', 'how long it can be used, 1m to 7d')
        .default(hourMs, '1h')
        .argParser(ttl),
    )
    .option('--label <label>', 'the name that the server gets: <label>.<HUB_TENANT_DOMAIN>')
    .option('--cidr <network>', 'only an agent from this network may use it')
    .option('--server <server>', 'give an existing server a new agent (its label, address or id)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', createExamples)
    .action(async (options: CreateOptions) => create(context, options));
  return addOpenTokenCommands(command, context, finish);
}

const createExamples = `
Examples:
  phlix-hub enrol-token create >> agent/.env
  phlix-hub enrol-token create --label movies --ttl 10m
  phlix-hub enrol-token create --cidr 192.0.2.0/24 --json`;

async function create(context: CommandContext, options: CreateOptions): Promise<void> {
  const config = configOf(context);
  const caFingerprint = await pinnedFingerprint(config);
  const { text, expiresAt } = await withAudit(context, config, async ({ stores, note }) => {
    const slot =
      options.server === undefined
        ? undefined
        : await requireServer(stores.servers, config, options.server);
    const token = await stores.enrolment.createToken({
      ttlMs: options.ttl,
      label: options.label,
      cidr: options.cidr,
      ...(slot && { serverId: slot.id, ownerId: slot.ownerId }),
      caFingerprint,
    });
    const reason = `until ${token.expiresAt.toISOString()}, name ${options.label ?? 'any'}, network ${options.cidr ?? 'any'}`;
    note({
      event: 'server.token-created',
      server: slot?.id,
      target: token.text.slice(4, 4 + tokenIdLength),
      reason,
    });
    if (options.json !== true) noteIdleFolder(context, config, stores);
    return token;
  });
  const variables = {
    PHLIX_HUB_URL: agentUrlOf(config),
    PHLIX_HUB_ENROLLMENT_TOKEN: text,
    PHLIX_SUBDOMAIN_AUTO_CLAIM: '1',
    PHLIX_TLS_ENABLED: '1',
  };
  if (options.json) {
    printJson(context, {
      token: text,
      expires_at: expiresAt.toISOString(),
      hub_url: variables.PHLIX_HUB_URL,
      environment: variables,
    });
    return;
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  const lasts = `for ${durationText(options.ttl)}, until ${expiresAt.toISOString()}`;
  context.stdout.write(
    `# For the agent's environment. The token works once, ${lasts}.\n${lines.join('')}`,
  );
}

/** Agents know a public authority already; ours they pin by what the token carries. */
async function pinnedFingerprint(config: HubConfig): Promise<string | undefined> {
  if (config.tls.kind !== 'local-ca') return undefined;
  const folder = localCaFolder(config);
  const authority = await openLocalAuthority(folder, localCaDomains(config), new Date());
  return authority.fingerprint;
}

function ttl(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a number and its unit: 10m, 2h, 7d.');
  return ms;
}
