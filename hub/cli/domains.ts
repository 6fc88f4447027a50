// Words about owners' own domains arrive; what to set in the DNS, and how each of them stands, leaves.

import { Command } from 'commander';

import { createLogger } from '../../shared/log.ts';
import type { HubConfig } from '../config.ts';
import type { DomainChecks } from '../composition/domain-checks.ts';
import type { Stores } from '../composition/stores.ts';
import { DomainError } from '../tunnels/domains/domain-error.ts';
import { domainName } from '../tunnels/domains/domain-name.ts';
import type { DomainClaim } from '../tunnels/domains/domain.ts';
import { systemSuffixes } from '../tunnels/domains/public-suffixes.ts';
import { proofRecordOf } from '../tunnels/domains/sentence.ts';
import { configOf, noteIdleFolder, printJson, type CommandContext } from './command-context.ts';
import { claimJson, listText, recordsText, standing, title } from './domain-words.ts';
import { certificateJson, certificateOf, certificateText } from './domain-certificate.ts';
import { exitCode } from './exit-code.ts';
import { withAudit, type Audited } from './host-audit.ts';
import { requireServer } from './servers.ts';

interface Options {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly server?: string;
}

export function domainsCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  const command = new Command('domains').description(
    "owners' own domains: add, list, check, remove",
  );
  command
    .command('add')
    .description('offer a server under a domain of its owner, once its DNS proves it')
    .argument('<domain>', 'such as films.example.org')
    .argument('<server>', 'its label, address or id')
    .option('--json', 'print one JSON object')
    .action(async (domain: string, server: string, options: Options) =>
      add(context, domain, server, options),
    );
  command
    .command('list')
    .description('all domains, whose they are, and how they stand')
    .option('--all', 'those that were dropped too')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => list(context, options));
  command
    .command('check')
    .description('look at the DNS of a domain now, and say what is missing')
    .argument('<domain>', 'one that was added')
    .option('--json', 'print one JSON object')
    .action(async (domain: string, options: Options) =>
      finish(await check(context, domain, options)),
    );
  command
    .command('remove')
    .description('serve a domain no more, at once')
    .argument('<domain>', 'one that was added')
    .option('--server <server>', 'of which server, where several claim it')
    .option('--json', 'print one JSON object')
    .action(async (domain: string, options: Options) => remove(context, domain, options));
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub domains add films.example.org movies
  phlix-hub domains check films.example.org
  phlix-hub domains list --json
  phlix-hub domains remove films.example.org`;

interface Room {
  readonly config: HubConfig;
  readonly stores: Stores;
  readonly checks: DomainChecks;
  readonly note: Audited['note'];
}

async function withDomains<Result>(
  context: CommandContext,
  options: Options,
  work: (room: Room) => Promise<Result>,
): Promise<Result> {
  const config = configOf(context);
  return withAudit(context, config, async ({ stores, audit, note }) => {
    const { openDomainChecks } = await import('../composition/domain-checks.ts');
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const checks = openDomainChecks(config, stores, { log, audit });
    return work({ config, stores, checks, note });
  });
}

async function add(
  context: CommandContext,
  domain: string,
  wanted: string,
  options: Options,
): Promise<void> {
  const hostname = domainName(domain, configOf(context), systemSuffixes());
  await withDomains(context, options, async ({ config, stores, checks, note }) => {
    const server = await requireServer(stores.servers, config, wanted);
    const claim = await stores.domains.claim(hostname, server.id);
    note({ event: 'domain.added', server: server.id, target: hostname });
    const destination = await checks.destinationOf(server.id);
    if (options.json) {
      return printJson(context, claimJson(claim, server, config, destination));
    }
    if (claim.state === 'active') {
      context.stdout.write(`${title(claim)} is proven and served already.\n`);
      return undefined;
    }
    const others = await stores.domains.listByHostname(hostname);
    const isHeld = others.some(({ state, id }) => state === 'active' && id !== claim.id);
    context.stdout.write(
      `${title(claim)} waits for its proof. Set these records in its DNS:\n\n` +
        recordsText(claim, destination) +
        (isHeld
          ? '\nAnother server of this hub has it now. It moves when the TXT record holds this value and no other.\n'
          : '') +
        `\n${certificateNote(config)}\nThe hub looks every minute for an hour, then less often. To look at once: phlix-hub domains check ${hostname}\n`,
    );
    return undefined;
  });
}

/** What the owner has to know about the name's certificate. */
function certificateNote({ tls, isBehindTls }: HubConfig): string {
  if (isBehindTls)
    return 'Its certificate is the affair of the proxy that ends TLS in front of the hub (HUB_TLS=proxy).';
  const notes = {
    acme: 'Its certificate is ordered as soon as it is proven.',
    files:
      'Its certificate is yours to bring: with HUB_TLS=files the hub orders none. Add one to HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE.',
    'local-ca':
      "It will have no certificate: the local authority vouches for the hub's own names alone. Set HUB_TLS=acme, or HUB_TLS=files and bring one.",
  };
  return notes[tls.kind];
}

async function list(context: CommandContext, options: Options): Promise<void> {
  await withDomains(context, options, async ({ config, stores }) => {
    const claims = (await stores.domains.list()).filter(
      ({ state }) => options.all === true || state !== 'dropped',
    );
    const servers = await stores.servers.list({ includeRevoked: true });
    const byId = new Map(servers.map((server) => [server.id, server]));
    if (options.json) {
      const domains = claims.map((claim) => claimJson(claim, byId.get(claim.serverId), config));
      return printJson(context, { domains });
    }
    const text =
      claims.length === 0
        ? 'No domains yet. Add one with: phlix-hub domains add <domain> <server>\n'
        : listText(claims, byId, config);
    context.stdout.write(text);
    return undefined;
  });
}

/** 0 when the domain is served and in order. */
async function check(context: CommandContext, domain: string, options: Options): Promise<number> {
  const hostname = domainName(domain, configOf(context));
  return withDomains(context, options, async ({ config, stores, checks }) => {
    const looked = await checks.checker.check(hostname);
    const living = looked.filter(({ state }) => state !== 'dropped');
    const claims = living.length > 0 ? living : looked.slice(-1);
    if (claims.length === 0) throw unknown(hostname);
    const said = await Promise.all(
      claims.map(async (claim) => ({
        claim,
        server: await stores.servers.find(claim.serverId),
        destination: await checks.destinationOf(claim.serverId),
        certificate: await certificateOf(claim, config, stores),
      })),
    );
    if (options.json) {
      const domains = said.map(({ claim, server, destination, certificate }) => ({
        ...claimJson(claim, server, config, destination),
        ...(certificate && { certificate: certificateJson(certificate) }),
      }));
      printJson(context, { domains });
    } else {
      for (const { claim, server, destination, certificate } of said) {
        context.stdout.write(standing(claim, server, config, destination));
        if (certificate !== undefined) context.stdout.write(certificateText(certificate));
      }
    }
    const isInOrder = said.some(
      ({ claim: { state, troubledSince }, certificate }) =>
        state === 'active' && troubledSince === undefined && certificate?.until !== null,
    );
    return isInOrder ? exitCode.ok : exitCode.unavailable;
  });
}

async function remove(context: CommandContext, domain: string, options: Options): Promise<void> {
  const hostname = domainName(domain, configOf(context));
  await withDomains(context, options, async ({ config, stores, note }) => {
    const serverId =
      options.server === undefined
        ? undefined
        : (await requireServer(stores.servers, config, options.server)).id;
    const claims = (await stores.domains.listByHostname(hostname)).filter(
      (claim) => serverId === undefined || claim.serverId === serverId,
    );
    const claim = chosen(hostname, claims);
    await stores.domains.remove(claim.id);
    note({ event: 'domain.removed', server: claim.serverId, target: hostname });
    if (options.json) return printJson(context, { hostname, server_id: claim.serverId });
    const record = proofRecordOf(claim);
    context.stdout.write(
      `${title(claim)} is removed. Its records can go from the DNS too: ${record.name} proves nothing any more.\n`,
    );
    return undefined;
  });
}

/** @throws DomainError domain.unknown | domain.ambiguous */
function chosen(hostname: string, claims: readonly DomainClaim[]): DomainClaim {
  const living = claims.filter(({ state }) => state !== 'dropped');
  const [claim, another] = living.length > 0 ? living : claims.slice(-1);
  if (claim === undefined) throw unknown(hostname);
  if (another === undefined) return claim;
  throw new DomainError(
    'domain.ambiguous',
    `${living.length} servers claim ${hostname}: say which one with --server; phlix-hub domains list shows them.`,
  );
}

function unknown(hostname: string): DomainError {
  return new DomainError(
    'domain.unknown',
    `Nobody has added ${hostname}; phlix-hub domains list shows the domains there are.`,
  );
}
