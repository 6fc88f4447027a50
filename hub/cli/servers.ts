// Questions about the media servers of this hub arrive; their list leaves, or one of them is renamed or revoked.

import { Command } from 'commander';

import type { HubConfig } from '../config.ts';
import { Place } from '../composition/place.ts';
import type { Stores } from '../composition/stores.ts';
import { labelOf } from '../tunnels/hostname.ts';
import type { Presence } from '../tunnels/presence.ts';
import type { Server, ServerStore } from '../tunnels/server.ts';
import { TunnelError } from '../tunnels/tunnel-error.ts';
import {
  configOf,
  noteIdleFolder,
  printJson,
  withStores,
  type CommandContext,
} from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { age, printable, table } from './table.ts';

interface Options {
  readonly json?: boolean;
  readonly all?: boolean;
}

export function serversCommand(context: CommandContext): Command {
  const command = new Command('servers')
    .alias('server')
    .description(
      'the media servers of this hub: list, show, findings, set, rename, suspend, resume, transfer, revoke, members, share',
    );
  command
    .command('list')
    .description('the media servers of this hub, and which of them are connected now')
    .option('--all', 'revoked ones too')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  command
    .command('rename')
    .description('give a server another name; its old address stops working at once')
    .argument('<server>', 'its label, address or id')
    .argument('<label>', 'the new name: <label>.<HUB_TENANT_DOMAIN>')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, label: string, options: Options) =>
      rename(context, wanted, label, options),
    );
  command
    .command('revoke')
    .description('cut a server off for good; its agent would have to enrol again')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => revoke(context, wanted, options));
  command.addHelpText('after', examples);
  return command;
}

/** @throws TunnelError server.unknown */
export async function requireServer(
  servers: ServerStore,
  config: HubConfig,
  wanted: string,
): Promise<Server> {
  const server = uuidPattern.test(wanted)
    ? await servers.find(wanted.toLowerCase())
    : await servers.findByLabel(wantedLabel(wanted, config));
  if (server !== undefined) return server;
  throw new TunnelError(
    'server.unknown',
    `There is no server "${printable(wanted)}"; phlix-hub servers list shows those there are.`,
  );
}

/** `movies`, `movies.phlix.localhost` and `https://movies.phlix.localhost:8443/` are the same server. */
function wantedLabel(wanted: string, { tenantDomain }: HubConfig): string {
  const host = URL.parse(wanted)?.hostname || wanted;
  return labelOf(host, tenantDomain) ?? host.toLowerCase();
}

const examples = `
Examples:
  phlix-hub servers list
  phlix-hub servers rename brave-otter movies
  phlix-hub servers set movies product=jellyfin http2=off
  phlix-hub servers revoke movies.phlix.localhost`;

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function list(context: CommandContext, options: Options): Promise<void> {
  const config = configOf(context);
  const found = await withStores(context, config, async (stores) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    return withPresence(stores, options.all ?? false);
  });
  if (options.json) {
    printJson(context, { servers: found.map((listed) => listedJson(listed, config)) });
    return;
  }
  if (found.length === 0) {
    context.stdout.write('No servers yet. Admit one with: phlix-hub enrol-token create\n');
    return;
  }
  const now = new Date();
  const rows = found.map(({ server, ...state }) => [
    server.label ?? '-',
    addressOf(server, config) ?? 'no address',
    stateText(server, state, now),
    server.name,
    server.id,
  ]);
  // The label first: it is what commands take. What an agent calls itself may be anybody's label by now.
  context.stdout.write(table(['LABEL', 'ADDRESS', 'STATE', 'CALLED', 'ID'], rows));
}

interface State {
  /** Undefined: it is not connected. */
  readonly connectedSince: Date | undefined;
  readonly lastSeenAt: Date | undefined;
}

type Listed = State & { readonly server: Server };

/** Read after the servers: whoever connects in between is shown as connected. */
async function withPresence(stores: Stores, includeRevoked: boolean): Promise<Listed[]> {
  const servers = await stores.servers.list({ includeRevoked });
  const presences = await stores.presence.list();
  return servers.map((server) => ({ server, ...stateOf(server, presences.get(server.id)) }));
}

/** What a hub that was killed could not store as last seen, its last sign of life tells. */
function stateOf({ lastSeenAt }: Server, presence: Presence | undefined): State {
  if (presence?.state === 'connected') return { connectedSince: presence.since, lastSeenAt };
  const lastSign = presence?.lastSeenAt;
  const isLater = lastSign !== undefined && (lastSeenAt === undefined || lastSign > lastSeenAt);
  return { connectedSince: undefined, lastSeenAt: isLater ? lastSign : lastSeenAt };
}

function stateText(server: Server, { connectedSince, lastSeenAt }: State, now: Date): string {
  if (server.revokedAt !== undefined) return `revoked ${age(server.revokedAt, now)} ago`;
  if (server.suspension !== undefined) return `suspended for ${age(server.suspension.since, now)}`;
  if (connectedSince !== undefined) return `connected for ${age(connectedSince, now)}`;
  return lastSeenAt === undefined ? 'never connected' : `offline for ${age(lastSeenAt, now)}`;
}

async function rename(
  context: CommandContext,
  wanted: string,
  label: string,
  options: Options,
): Promise<void> {
  const config = configOf(context);
  const server = await withAudit(context, config, async ({ stores: { servers }, note }) => {
    const found = await requireServer(servers, config, wanted);
    const renamed = await servers.rename(found.id, label.toLowerCase());
    const reason = `${found.label ?? 'no name'} to ${renamed.label ?? 'no name'}`;
    note({ event: 'server.renamed', server: found.id, target: renamed.label, reason });
    return renamed;
  });
  if (options.json) return printJson(context, serverJson(server, config));
  context.stdout.write(`${printable(server.name)} is now at ${addressOf(server, config)}.\n`);
}

async function revoke(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const config = configOf(context);
  const { before, after } = await withAudit(context, config, async ({ stores, note }) => {
    const before = await requireServer(stores.servers, config, wanted);
    const after = (await stores.servers.revoke(before.id)) ?? before;
    note({ event: 'server.revoked', server: before.id, target: before.label });
    return { before, after };
  });
  if (options.json) return printJson(context, serverJson(after, config));
  const address = addressOf(before, config);
  const released = address === undefined ? '' : ` ${address} answers no more.`;
  context.stdout.write(`${printable(before.name)} is revoked.${released}\n`);
}

export function addressOf(server: Server, config: HubConfig): string | undefined {
  return server.revokedAt === undefined ? new Place(config).addressesOf(server)[0] : undefined;
}

function listedJson({ server, connectedSince, lastSeenAt }: Listed, config: HubConfig): object {
  return {
    ...serverJson(server, config),
    is_connected: connectedSince !== undefined,
    connected_since: connectedSince?.toISOString() ?? null,
    last_seen_at: lastSeenAt?.toISOString() ?? null,
  };
}

export function serverJson(server: Server, config: HubConfig): object {
  return {
    id: server.id,
    name: server.name,
    label: server.label ?? null,
    address: addressOf(server, config) ?? null,
    owner_id: server.ownerId,
    agent_id: server.agentId ?? null,
    created_at: server.createdAt.toISOString(),
    last_seen_at: server.lastSeenAt?.toISOString() ?? null,
    revoked_at: server.revokedAt?.toISOString() ?? null,
    suspended_at: server.suspension?.since.toISOString() ?? null,
    suspension_reason: server.suspension?.reason ?? null,
  };
}
