// A backup's file arrives; whether it is whole leaves, or a hub that has its state.

import { resolve } from 'node:path';

import { Command } from 'commander';

import { createLogger } from '../../shared/log.ts';
import type { Manifest } from '../backup/manifest.ts';
import { CertificateError } from '../certificates/failure.ts';
import { trialDomain, type HubConfig } from '../config.ts';
import { domainNameOf } from '../settings/names.ts';
import type { Restored } from '../upkeep/restoring.ts';
import type { Stores } from '../composition/stores.ts';
import { keysOf, momentText, withKeys, type KeyOptions } from './backup-words.ts';
import { configOf, printJson, type CommandContext } from './command-context.ts';
import { withAudit } from './host-audit.ts';

interface RestoreOptions extends KeyOptions {
  readonly verify?: boolean;
  readonly replace?: boolean;
  readonly json?: boolean;
}

export function restoreCommand(context: CommandContext): Command {
  const command = new Command('restore')
    .description('put the state of a backup into an empty HUB_DATA_DIR and database')
    .argument('<file>', 'that phlix-hub backup made')
    .option('--verify', 'read and check all of it, and change nothing')
    .option('--replace', 'also where there is a hub: a snapshot of it is kept, files go aside')
    .option('--json', 'print one JSON object');
  return withKeys(command)
    .action(async (file: string, options: RestoreOptions) =>
      restore(context, resolve(file), options),
    )
    .addHelpText('after', examples);
}

const examples = `
The hub has to be stopped. It takes the settings of its environment: HUB_DATA_DIR, and HUB_DATABASE_URL if there is one.
Everybody has to sign in again; agents come back by themselves.

Examples:
  phlix-hub restore --verify hub.tar.age --identity-file backup-key.txt
  phlix-hub restore hub.tar.age --identity-file backup-key.txt
  phlix-hub restore --replace hub.tar.age --passphrase-file /root/passphrase`;

async function restore(
  context: CommandContext,
  file: string,
  options: RestoreOptions,
): Promise<void> {
  process.umask(0o077);
  const config = configOf(context);
  const keys = await keysOf(config, options);
  if (options.verify === true) {
    const { verifyArchive } = await import('../backup/archive-reader.ts');
    return tellVerified(context, await verifyArchive(file, keys), options);
  }
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  const rooms = await import('../upkeep/restoring.ts');
  const replaces = options.replace === true;
  const order = { file, keys, replaces, isForward: true, reason: 'restore' } as const;
  const restored = await rooms.restore(config, order, log);
  const closed = await withAudit(context, config, async ({ stores, note }) => {
    note({ event: 'admin.backup-restored', target: file, reason: restored.manifest.version });
    return closedReason(config, stores);
  });
  return tellRestored(context, { config, restored, closed }, options);
}

/** Why the next hub would refuse to start: the backup's secret is not the one that is set here. */
async function closedReason(config: HubConfig, stores: Stores): Promise<string | undefined> {
  const { openKeyRing, requireFitting } = await import('../composition/key-ring.ts');
  try {
    await requireFitting(await openKeyRing(config, stores), stores);
    return undefined;
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
}

function tellVerified(context: CommandContext, manifest: Manifest, { json }: RestoreOptions): void {
  if (json === true) return printJson(context, { ok: true, ...factsOf(manifest) });
  context.stdout.write(
    `${sentenceOf(manifest)}\nEvery byte is as it was written. Nothing was changed.\n`,
  );
  return undefined;
}

interface Outcome {
  readonly config: HubConfig;
  readonly restored: Restored;
  readonly closed: string | undefined;
}

function tellRestored(context: CommandContext, outcome: Outcome, { json }: RestoreOptions): void {
  const { config, restored, closed } = outcome;
  const { manifest, snapshot, aside, secretKeyFile } = restored;
  if (json === true)
    return printJson(context, {
      ok: true,
      ...factsOf(manifest),
      snapshot: snapshot ?? null,
      aside: aside ?? null,
      secret_key_file: secretKeyFile ?? null,
      closed: closed ?? null,
      former_tenant_domain: formerDomain(manifest, config) ?? null,
    });
  const lines = [
    sentenceOf(manifest),
    `It is in place in ${config.dataDir}. Start the hub: everybody signs in again, agents come back by themselves.`,
    'Links that were open when it was made are void: enrolment tokens, invitations, letters.',
    ...(snapshot === undefined
      ? []
      : [`What was there is kept in ${snapshot} (phlix-hub rollback --list).`]),
    ...(aside === undefined ? [] : [`Former files are in ${aside}.`]),
    ...secretLines(secretKeyFile, closed),
    ...domainLines(formerDomain(manifest, config), config),
  ];
  context.stdout.write(`${lines.join('\n')}\n`);
  return undefined;
}

function secretLines(secretKeyFile: string | undefined, closed: string | undefined): string[] {
  if (secretKeyFile !== undefined)
    return [
      `That hub had a HUB_SECRET_KEY: set HUB_SECRET_KEY_FILE=${secretKeyFile} before you start.`,
    ];
  return closed === undefined ? [] : [`Before you start: ${closed}`];
}

/** Undefined: servers keep their addresses. */
function formerDomain(manifest: Manifest, { tenantDomain }: HubConfig): string | undefined {
  const setting = manifest.settings.find(({ name }) => name === 'HUB_TENANT_DOMAIN');
  // One from a file is not written down.
  if (setting !== undefined && setting.text === undefined) return undefined;
  const former = domainNameOf(setting?.text ?? trialDomain);
  return former === tenantDomain ? undefined : former;
}

function domainLines(former: string | undefined, { tenantDomain }: HubConfig): string[] {
  if (former === undefined) return [];
  return [
    `That hub's servers had their addresses below ${former}, here they are below ${tenantDomain}: everybody's apps and links ask for the former ones. Set HUB_TENANT_DOMAIN=${former} before you start to keep them.`,
  ];
}

function sentenceOf({ version, made_at: at, hub_host: host, tables, files }: Manifest): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `A backup of ${host}, made ${momentText(at)} by phlix-hub ${version}: ${rows} rows in ${tables.length} tables, ${files.length} files.`;
}

function factsOf(manifest: Manifest): object {
  const { version, made_at: at, hub_host: host, reason, tables, files } = manifest;
  return {
    version,
    made_at: at.toISOString(),
    hub_host: host,
    reason,
    tables: tables.map(({ name, rows, sha256 }) => ({ name, rows, sha256 })),
    files: files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  };
}
