// Words about certificates arrive; how each stands leaves, or it is renewed, revoked, or rehearsed before it counts.

import { Command, Option } from 'commander';

import { createLogger } from '../../shared/log.ts';
import { SettingsError } from '../../shared/settings/settings.ts';
import type { RevocationReason } from '../certificates/acme/authority.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { ManagedCertificate } from '../certificates/life/certificate.ts';
import { wishesOf } from '../certificates/life/wishes.ts';
import type { HubConfig } from '../config.ts';
import type { AcmeTls } from '../settings/acme.ts';
import type { Stores } from '../composition/stores.ts';
import { hostnameOf } from '../tunnels/hostname.ts';
import {
  certificateJson,
  certificateText,
  hasPassed,
  heldJson,
  heldTable,
  managedTable,
  rehearsalJson,
  rehearsalText,
} from './certificate-words.ts';
import {
  configOf,
  noteIdleFolder,
  printJson,
  withStores,
  type CommandContext,
} from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { heldCertificates, showHeld } from './held-certificates.ts';
import { withAudit } from './host-audit.ts';
import { waitingForAnother, withoutRoom, type Unordered } from './order-room.ts';
import { printable } from './table.ts';

interface Options {
  readonly json?: boolean;
  readonly wait?: boolean;
  readonly anyway?: boolean;
  readonly reason?: Reason;
}

type Reason = 'key-compromise' | 'superseded' | 'unspecified';

const reasons: Readonly<Record<Reason, RevocationReason>> = {
  'key-compromise': 'keyCompromise',
  superseded: 'superseded',
  unspecified: 'unspecified',
};

export function certificatesCommand(
  context: CommandContext,
  finish: (exitCode: number) => void,
): Command {
  const command = new Command('certificates').description(
    'the certificates of this hub: list, show, renew, revoke, forget-keys, test',
  );
  const subcommand = (name: string, description: string): Command =>
    command.command(name).description(description).option('--json', 'print one JSON object');
  const one = 'a name in it, a label of a server, or its id';
  subcommand('list', 'which there are, until when, and what comes next').action(
    async (options: Options) => list(context, options),
  );
  subcommand('show', 'everything that is known of one')
    .argument('<certificate>', one)
    .action(async (wanted: string, options: Options) => show(context, wanted, options));
  subcommand('renew', 'order a new one now, and wait for it')
    .argument('<certificate>', one)
    .option('--no-wait', 'leave it to the hub')
    .action(async (wanted: string, options: Options) =>
      finish(await renew(context, wanted, options)),
    );
  subcommand('revoke', 'tell the authority that it must not be trusted, and order a new one')
    .argument('<certificate>', one)
    .addOption(
      new Option('--reason <reason>', 'what the authority is told')
        .choices(Object.keys(reasons))
        .default('unspecified'),
    )
    .option('--anyway', 'also where the limits leave no room for a new one for a while')
    .action(async (wanted: string, options: Options) =>
      finish(await revoke(context, wanted, options)),
    );
  subcommand('forget-keys', 'begin again where the secret that sealed the keys is gone for good')
    .option('--yes', 'forget them, rather than show which')
    .action(async (options: Options) => {
      const { forgetKeys } = await import('./forgotten-keys.ts');
      const config = configOf(context);
      const tls = config.tls.kind === 'acme' ? config.tls : undefined;
      finish(await forgetKeys(context, { config, tls }, options));
    });
  subcommand('test', 'whether an order would succeed, at the staging of the authority')
    .argument('[certificate]', `${one}; otherwise those of the hub itself`)
    .action(async (wanted: string | undefined, options: Options) =>
      finish(await test(context, wanted, options)),
    );
  return command.addHelpText('after', examples);
}

const examples = `
Examples:
  phlix-hub certificates list
  phlix-hub certificates show movies
  phlix-hub certificates test
  phlix-hub certificates renew '*.films.example.org'
  phlix-hub certificates revoke movies --reason key-compromise`;

async function list(context: CommandContext, options: Options): Promise<void> {
  const config = configOf(context);
  const now = new Date();
  if (config.tls.kind !== 'acme') {
    const held = await heldCertificates(config, now);
    if (options.json)
      return printJson(context, { certificates: held.map((one) => heldJson(one, now)) });
    context.stdout.write(heldTable(held, now));
    return;
  }
  const { all: certificates, waiting } = await withStores(context, config, async (stores) => {
    if (options.json !== true) noteIdleFolder(context, config, stores);
    const all = await stores.certificates.list();
    return { all, waiting: await waitingForAnother(all, stores, now) };
  });
  if (options.json) {
    const told = certificates.map((one) => certificateJson(one, now));
    return printJson(context, { certificates: told });
  }
  context.stdout.write(
    certificates.length === 0
      ? 'No certificates yet: the hub orders them when it runs. To look before: phlix-hub certificates test\n'
      : managedTable(certificates, { now, waiting }),
  );
}

async function show(context: CommandContext, wanted: string, options: Options): Promise<void> {
  const config = configOf(context);
  const now = new Date();
  if (config.tls.kind !== 'acme')
    return showHeld(context, { config, wanted, now, isJson: options.json === true });
  const found = await withStores(context, config, async (stores) =>
    requireCertificates(stores, config, wanted),
  );
  if (options.json) {
    const told = found.map((one) => certificateJson(one, now));
    return printJson(context, { certificates: told });
  }
  context.stdout.write(found.map((one) => certificateText(one, now)).join('\n'));
}

async function renew(context: CommandContext, wanted: string, options: Options): Promise<number> {
  const { config } = acmeOf(context);
  return withAudit(context, config, async ({ stores, note }) => {
    const found = await requireCertificates(stores, config, wanted);
    for (const { id, names, serverId: server } of found) {
      await stores.certificates.hasten(id);
      note({ event: 'cert.renewal-asked', target: names.join(' '), server });
    }
    return follow(context, stores, found, options);
  });
}

async function revoke(context: CommandContext, wanted: string, options: Options): Promise<number> {
  const { config, tls } = acmeOf(context);
  return withAudit(context, config, async ({ stores, note }) => {
    const found = await requireCertificates(stores, config, wanted);
    const { openAuthorities } = await import('../composition/acme.ts');
    const { openKeyRing } = await import('../composition/key-ring.ts');
    const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
    const authorities = await openAuthorities(
      { tls, stores, log },
      await openKeyRing(config, stores),
    );
    const reason = reasons[options.reason ?? 'unspecified'];
    const stuck = await withoutRoom(found, stores, new Date());
    for (const one of stuck) context.stderr.write(stuckText(one));
    if (stuck.length > 0 && options.anyway !== true) {
      context.stderr.write('phlix-hub: nothing was revoked; --anyway revokes in spite of it.\n');
      return exitCode.tryLater;
    }
    for (const { id, issued, names, serverId: server } of found) {
      if (issued === undefined) continue;
      const authority = authorities.get(issued.authority);
      if (authority === undefined) throw strangeAuthority(issued.authority);
      // First, so that the next one is on its way whatever becomes of this command.
      await stores.certificates.hasten(id);
      await authority.revoke(issued.chain, reason, AbortSignal.timeout(patienceMs));
      note({ event: 'cert.revoked', target: names.join(' '), server, reason });
      if (options.json !== true)
        context.stdout.write(`The certificate for ${names.join(' ')} is revoked.\n`);
    }
    return follow(context, stores, found, options);
  });
}

async function test(
  context: CommandContext,
  wanted: string | undefined,
  options: Options,
): Promise<number> {
  const { config, tls } = acmeOf(context);
  const { rehearse } = await import('../composition/rehearsal.ts');
  const { wishSettings } = await import('../composition/acme.ts');
  const log = createLogger({ level: 'error', name: 'phlix-hub' }, context.stderr);
  return withStores(context, config, async (stores) => {
    const wishes =
      wanted === undefined
        ? wishesOf(wishSettings(config, tls), [], [])
        : await requireCertificates(stores, config, wanted);
    // The kind of key changes nothing about the proof.
    const distinct = new Map(wishes.map((wish) => [wish.names.join(' '), wish])).values();
    noteNobodyAnswers(context, tls, stores);
    const rehearsals = [];
    for (const wish of distinct) {
      const signal = AbortSignal.timeout(patienceMs);
      const rehearsal = await rehearse(wish, { config, tls, stores, log }, signal);
      rehearsals.push(rehearsal);
      if (options.json !== true) context.stdout.write(rehearsalText(rehearsal));
    }
    if (options.json) printJson(context, { rehearsals: rehearsals.map(rehearsalJson) });
    return rehearsals.every(hasPassed) ? exitCode.ok : exitCode.unavailable;
  });
}

/** Authorities wait a minute for a proof, the DNS for several. */
const patienceMs = 300_000;
const lookEveryMs = 500;

/** Waits until each was issued anew, or failed. */
async function follow(
  context: CommandContext,
  stores: Stores,
  before: readonly ManagedCertificate[],
  options: Options,
): Promise<number> {
  const isLeft = options.wait === false || stores.isAlone;
  const after = isLeft
    ? await current(stores, before)
    : await waitForNews(stores, before, Date.now() + patienceMs);
  const now = new Date();
  if (options.json) {
    printJson(context, { certificates: after.map((one) => certificateJson(one, now)) });
  } else if (stores.isAlone) {
    context.stdout.write('No hub runs here: a new one is ordered when it starts.\n');
  } else {
    context.stdout.write(
      isLeft ? 'The hub orders a new one now.\n' : after.map((one) => newsOf(one, before)).join(''),
    );
  }
  if (stores.isAlone) return exitCode.tryLater;
  const isDone = isLeft || after.every((one) => isIssuedSince(one, before));
  return isDone ? exitCode.ok : exitCode.tryLater;
}

async function waitForNews(
  stores: Stores,
  before: readonly ManagedCertificate[],
  deadline: number,
): Promise<ManagedCertificate[]> {
  for (;;) {
    const after = await current(stores, before);
    const isTold = after.every((one) => isIssuedSince(one, before) || hasFailedSince(one, before));
    if (isTold || Date.now() > deadline) return after;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

async function current(
  stores: Stores,
  before: readonly ManagedCertificate[],
): Promise<ManagedCertificate[]> {
  const found = await Promise.all(before.map(async ({ id }) => stores.certificates.find(id)));
  return found.filter((one) => one !== undefined);
}

function isIssuedSince(one: ManagedCertificate, before: readonly ManagedCertificate[]): boolean {
  const former = before.find(({ id }) => id === one.id);
  return one.issued !== undefined && one.issued.chain !== former?.issued?.chain;
}

function hasFailedSince(one: ManagedCertificate, before: readonly ManagedCertificate[]): boolean {
  const former = before.find(({ id }) => id === one.id)?.attempts.lastError?.at;
  const { lastError } = one.attempts;
  return lastError !== undefined && lastError.at.getTime() !== former?.getTime();
}

function stuckText({ names, refusal: { limit, notBefore } }: Unordered): string {
  return `phlix-hub: the limit on ${limit} leaves no room for a new certificate of ${names.join(' ')} before ${notBefore.toISOString()}; until then visitors would meet a revoked one.\n`;
}

function newsOf(one: ManagedCertificate, before: readonly ManagedCertificate[]): string {
  const names = one.names.join(' ');
  if (isIssuedSince(one, before)) {
    return `${names}: a new certificate is served, until ${one.issued?.notAfter.toISOString()}.\n`;
  }
  const reason = one.attempts.lastError?.message ?? 'The hub is still at it.';
  return `${names}: no new certificate yet. ${reason}\n`;
}

/** What proves a name over a port, or by the hub's own DNS, is the running hub. */
function noteNobodyAnswers(context: CommandContext, tls: AcmeTls, stores: Stores): void {
  const isProvedElsewhere = tls.challenge === 'dns-01' && tls.dns?.provider.kind !== 'responder';
  if (!stores.isAlone || isProvedElsewhere) return;
  context.stderr.write(
    'phlix-hub: no hub runs with this HUB_DATA_DIR, so nobody answers what the authority asks: start it first.\n',
  );
}

/** Those of exactly this name; otherwise the wildcards that cover it. @throws CertificateError certificate.unknown */
async function requireCertificates(
  stores: Stores,
  { tenantDomain }: HubConfig,
  wanted: string,
): Promise<ManagedCertificate[]> {
  const host = (URL.parse(wanted)?.hostname || wanted).toLowerCase();
  const asked = host.includes('.') ? host : hostnameOf(host, tenantDomain);
  const all = await stores.certificates.list();
  const wildcard = asked.replace(/^[^.]+/, '*');
  const choices = [
    all.filter(({ id }) => id === host),
    all.filter(({ names }) => names.includes(asked)),
    all.filter(({ names }) => names.includes(wildcard)),
  ];
  const found = choices.find((choice) => choice.length > 0);
  if (found !== undefined) return found;
  throw new CertificateError(
    'certificate.unknown',
    `There is no certificate for "${printable(wanted)}"; phlix-hub certificates list shows those there are.`,
  );
}

/** @throws SettingsError where the hub orders none */
function acmeOf(context: CommandContext): { config: HubConfig; tls: AcmeTls } {
  const config = configOf(context);
  const { tls } = config;
  if (tls.kind === 'acme') return { config, tls };
  const expected = `this hub orders no certificates with HUB_TLS=${tls.kind}`;
  const remedy =
    tls.kind === 'files'
      ? 'renew the files where they come from; the hub reads them again by itself'
      : 'its own authority renews them; phlix-hub certificates list shows until when they are good';
  throw new SettingsError([{ name: 'HUB_TLS', expected, remedy }]);
}

function strangeAuthority(authority: string): CertificateError {
  return new CertificateError(
    'certificate.authority',
    `It is of ${authority}, which is not among the settings any more; set HUB_ACME_DIRECTORY or HUB_ACME_FALLBACK_DIRECTORY to it.`,
  );
}
