// The word that a secret is gone for good arrives; keys that nothing opens any more leave the store, and the hub orders anew.

import type { Buffer } from 'node:buffer';

import type { AuthorityAccount, ManagedCertificate } from '../certificates/life/certificate.ts';
import { KeyRing } from '../certificates/life/sealing.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { HubConfig } from '../config.ts';
import type { AcmeTls } from '../settings/acme.ts';
import type { SealedRow } from '../db/sealed-rows.ts';
import type { Stores } from '../composition/stores.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { exitCode } from './exit-code.ts';
import { withAudit } from './host-audit.ts';

interface Closed {
  readonly certificates: readonly ManagedCertificate[];
  readonly accounts: readonly AuthorityAccount[];
  /** Of the hub itself. */
  readonly secrets: readonly SealedRow[];
  /** Of people and providers: how many of each kind. They stay, closed, until each is set up anew. */
  readonly others: readonly { readonly what: string; readonly count: number }[];
}

interface Settings {
  readonly config: HubConfig;
  /** Undefined: this hub orders no certificates. */
  readonly tls: AcmeTls | undefined;
}

/** Without `yes` nothing changes: a shell without the hub's settings opens no key either. */
export async function forgetKeys(
  context: CommandContext,
  settings: Settings,
  options: { readonly json?: boolean; readonly yes?: boolean },
): Promise<number> {
  return withAudit(context, settings.config, async ({ stores, note }) => {
    const closed = await closedKeys(stores, settings);
    if (options.yes === true) {
      await forget(stores, closed, settings.config);
      const { certificates, accounts, secrets } = closed;
      const reason = `${certificates.length} of certificates, ${accounts.length} of accounts, ${secrets.length} secrets`;
      note({ event: 'key.forgotten', reason });
    }
    if (options.json === true) {
      printJson(context, {
        certificates: closed.certificates.map(({ id, names }) => ({ id, names })),
        accounts: closed.accounts.map(({ authority }) => authority),
        secrets: closed.secrets.map(({ key }) => key),
        others: closed.others,
        is_forgotten: options.yes === true,
      });
    } else {
      context.stdout.write(textOf(closed, options.yes === true));
    }
    return exitCode.ok;
  });
}

async function closedKeys(stores: Stores, settings: Settings): Promise<Closed> {
  const { storedAccounts } = await import('../composition/acme.ts');
  const { openKeyRing } = await import('../composition/key-ring.ts');
  // The file is missing: nothing opens anything.
  const keyRing = await openKeyRing(settings.config, stores).catch((error: unknown) => {
    if (isSealed(error)) return undefined;
    throw error;
  });
  const isClosed = (sealed: Buffer, context: string): boolean => {
    if (keyRing === undefined) return true;
    try {
      keyRing.open(sealed, context);
      return false;
    } catch (error) {
      if (isSealed(error)) return true;
      throw error;
    }
  };
  const certificates = await stores.certificates.list();
  const accounts = settings.tls === undefined ? [] : await storedAccounts(settings.tls, stores);
  const rows = await closedRows(stores, isClosed);
  return {
    certificates: certificates.filter(
      ({ issued, id }) => issued !== undefined && isClosed(issued.sealedKey, id),
    ),
    accounts: accounts.filter(({ sealedKey, authority }) => isClosed(sealedKey, authority)),
    ...rows,
  };
}

/** Whole rows: whatever is wished for comes back as a new one, within a minute or with the next start. */
async function forget(
  { certificates, authorityAccounts, sealed }: Stores,
  closed: Closed,
  { secretKeys, dataDir }: HubConfig,
): Promise<void> {
  for (const { id } of closed.certificates) {
    const lease = await certificates.takeLease(id, leaseMs);
    if (lease !== undefined) await certificates.remove(lease);
  }
  for (const account of closed.accounts) await authorityAccounts.remove(account);
  for (const secret of closed.secrets) await sealed.remove(secret);
  await KeyRing.open({ secrets: secretKeys?.map((key) => key.reveal()), dataDir });
}

/** Certificates and accounts are looked at as what they are. */
async function closedRows(
  { sealed }: Stores,
  isClosed: (sealed: Buffer, context: string) => boolean,
): Promise<Pick<Closed, 'secrets' | 'others'>> {
  const { sealedColumns } = await import('../db/sealed-rows.ts');
  const secrets: SealedRow[] = [];
  const others: { what: string; count: number }[] = [];
  for (const column of sealedColumns) {
    if (column.table === 'certificates' || column.table === 'authority_accounts') continue;
    let count = 0;
    for await (const row of sealed.list(column)) {
      if (!isClosed(row.sealed, row.context)) continue;
      if (column.table === 'sealed_secrets') secrets.push(row);
      else count += 1;
    }
    if (count > 0) others.push({ what: column.what, count });
  }
  return { secrets, others };
}

const leaseMs = 10_000;

function isSealed(error: unknown): boolean {
  return error instanceof CertificateError && error.code === 'certificate.sealed';
}

function textOf({ certificates, accounts, secrets, others }: Closed, isForgotten: boolean): string {
  if (certificates.length + accounts.length + secrets.length + others.length === 0)
    return 'Every stored key opens; nothing to do.\n';
  const lines = [
    ...certificates.map(({ names }) => `  ${names.join(' ')}\n`),
    ...accounts.map(({ authority }) => `  the account at ${authority}\n`),
    ...secrets.map(({ key }) => `  the ${key}: recovery codes have to be made anew\n`),
    ...others.map(
      ({ what, count }) =>
        `  ${what}: ${count}, which stay and open nothing until each is set up anew\n`,
    ),
  ];
  const [what, next] = isForgotten
    ? ['Forgotten', 'The hub orders new ones, within a minute if it runs, else when it starts.']
    : [
        'Closed, with these settings',
        'Restore the secret from a backup if there is one. Otherwise, to have all of them ordered anew: phlix-hub certificates forget-keys --yes',
      ];
  return `${what}:\n${lines.join('')}${next}\n`;
}
