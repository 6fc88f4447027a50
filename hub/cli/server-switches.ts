// A server and words such as `http2=off` arrive; its switches are changed on the running hub, and how they stand leaves.

import { type Command, InvalidArgumentError } from 'commander';

import { SettingsError } from '../../shared/settings/settings.ts';
import type { HubConfig } from '../config.ts';
import { entriesOf } from '../edge/denied/entries.ts';
import type { Server, SwitchChange } from '../tunnels/server.ts';
import { configOf, printJson, withStores, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';
import { addressOf, requireServer, serverJson } from './servers.ts';
import {
  joinChanges,
  readSwitchWord,
  SwitchWordError,
  switchesJson,
  switchTexts,
} from './switch-words.ts';
import { table } from './table.ts';

interface Options {
  readonly json?: boolean;
}

/** `servers show` and `servers set`. */
export function addSwitchCommands(servers: Command, context: CommandContext): Command {
  servers
    .command('show')
    .description('how a server is set, and what the hub keeps visitors from')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (wanted: string, options: Options) => {
      const config = configOf(context);
      const server = await withStores(context, config, async (stores) =>
        requireServer(stores.servers, config, wanted),
      );
      print(context, config, server, options);
    });
  servers
    .command('set')
    .description('change how a server is offered to visitors; in force at once')
    .argument('<server>', 'its label, address or id')
    .argument('<switch=value...>', 'as in the list below', collect)
    .option('--json', 'print one JSON object')
    .addHelpText('after', switchHelp)
    .action(async (wanted: string, change: SwitchChange, options: Options) => {
      const config = configOf(context);
      const server = await withAudit(context, config, async ({ stores, note }) => {
        const { id, label } = await requireServer(stores.servers, config, wanted);
        if (change.authority === 'second') requireSecond(config);
        const changed = await stores.servers.changeSwitches(id, change);
        const reason = JSON.stringify(change);
        note({ event: 'server.changed', server: id, target: label, reason });
        return changed;
      });
      print(context, config, server, options);
    });
  return servers;
}

const switchHelp = `
Switches:
  http2=on|off              offer HTTP/2; some players only work without it
  min-tls=1.2|1.3           the oldest TLS that visitors may speak
  certificate=ecdsa|rsa     rsa for televisions that know no elliptic curves
  authority=first|second    second for those that do not know the first one's root; with HUB_TLS=acme
  product=jellyfin|emby|plex|phlix|other|unknown
                            whose deny-list holds; unknown: those of all together
  lift=<entry>[,<entry>]    let visitors through to what the entry denies
  unlift=<entry>[,<entry>]  deny it again; servers show lists the entries

Examples:
  phlix-hub servers set movies product=jellyfin
  phlix-hub servers set movies http2=off certificate=rsa
  phlix-hub servers set movies lift=jellyfin.metrics`;

/** A choice that nobody can follow would be believed. @throws SettingsError */
function requireSecond({ tls }: HubConfig): void {
  if (tls.kind === 'acme' && tls.fallback !== undefined) return;
  const expected = 'a second authority, with HUB_TLS=acme, for authority=second';
  const remedy = 'set it for the hub and for this command';
  throw new SettingsError([{ name: 'HUB_ACME_FALLBACK_DIRECTORY', expected, remedy }]);
}

function collect(word: string, former: SwitchChange | undefined): SwitchChange {
  try {
    return joinChanges(former ?? {}, readSwitchWord(word));
  } catch (error) {
    if (error instanceof SwitchWordError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function print(context: CommandContext, config: HubConfig, server: Server, options: Options): void {
  const { switches } = server;
  const denied = entriesOf(switches.product).map(({ names, what }) => ({
    entry: names[0] ?? '',
    what,
    isLifted: names.some((name) => switches.lifted.includes(name)),
  }));
  if (options.json) {
    const entries = denied.map(({ entry, isLifted }) => ({ entry, is_lifted: isLifted }));
    const state = { switches: switchesJson(switches), deny_list: entries };
    return printJson(context, { ...serverJson(server, config), ...state });
  }
  const place = addressOf(server, config) ?? 'no address';
  const rows = [
    ['name', server.name],
    ['address', place],
    ['owner', server.ownerId],
    ...(server.suspension === undefined ? [] : [['suspended', server.suspension.reason]]),
    ...switchTexts(switches),
  ];
  context.stdout.write(table(['SETTING', 'VALUE'], rows));
  if (denied.length === 0) return undefined;
  const list = denied.map(({ entry, what, isLifted }) => [
    entry,
    isLifted ? 'lifted' : 'denied',
    what,
  ]);
  context.stdout.write(`\n${table(['ENTRY', 'STATE', 'WHAT IT IS'], list)}`);
  return undefined;
}
