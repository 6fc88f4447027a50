// The settings of a hub that orders nothing itself arrive; the certificates that it serves, and their files, leave.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CertificateError } from '../certificates/failure.ts';
import { leafFiles } from '../certificates/local-ca.ts';
import { loadCertificate } from '../certificates/served.ts';
import { localCaFolder, type HubConfig } from '../config.ts';
import type { HeldCertificate as CheckedCertificate } from '../telemetry/certificate-metrics.ts';
import { hostnameOf } from '../tunnels/hostname.ts';
import { heldJson, heldTable, type HeldCertificate } from './certificate-words.ts';
import { printJson, type CommandContext } from './command-context.ts';
import { printable } from './table.ts';

/** Those that are served for a name, or for a server's label. @throws CertificateError certificate.unknown */
export async function showHeld(
  context: CommandContext,
  asked: { config: HubConfig; wanted: string; now: Date; isJson: boolean },
): Promise<void> {
  const { config, wanted, now } = asked;
  const host = (URL.parse(wanted)?.hostname || wanted).toLowerCase();
  const name = host.includes('.') ? host : hostnameOf(host, config.tenantDomain);
  const wildcard = name.replace(/^[^.]+/, '*');
  const all = await heldCertificates(config, now);
  const choices = [name, wildcard].map((one) => all.filter(({ names }) => names.includes(one)));
  const found = choices.find((choice) => choice.length > 0);
  if (found === undefined)
    throw new CertificateError(
      'certificate.unknown',
      `There is no certificate for "${printable(wanted)}"; phlix-hub certificates list shows those there are.`,
    );
  if (asked.isJson)
    return printJson(context, { certificates: found.map((one) => heldJson(one, now)) });
  context.stdout.write(heldTable(found, now));
}

/** As the doctor looks at them. Undefined: they are in the database, which a running hub is asked for. @throws CertificateError */
export async function certificatesOfHost(
  config: HubConfig,
  now: Date,
): Promise<readonly CheckedCertificate[] | undefined> {
  if (config.tls.kind === 'acme') return undefined;
  const all = await heldCertificates(config, now);
  return all.map(({ names, kind: keyKind, notAfter }) => ({
    names,
    keyKind,
    notAfter,
    isOwn: true,
    isReleased: false,
    isFailing: false,
  }));
}

/** @throws CertificateError */
export async function heldCertificates(config: HubConfig, now: Date): Promise<HeldCertificate[]> {
  const { tls } = config;
  if (tls.kind === 'files') {
    return Promise.all(tls.pairs.map(async (pair) => held(pair.chainPath, pair.keyPath, now)));
  }
  const folder = localCaFolder(config);
  const found: HeldCertificate[] = [];
  for (const name of Object.values(leafFiles)) {
    const path = join(folder, name);
    const isThere = await readFile(path).then(
      () => true,
      () => false,
    );
    // The RSA one is made when a server first wants it; before the hub's first start there is none at all.
    if (isThere) found.push(await held(path, path, now));
  }
  return found;
}

async function held(chainPath: string, keyPath: string, now: Date): Promise<HeldCertificate> {
  const [chain, key] = await Promise.all([read(chainPath), read(keyPath)]);
  const { names, kind, notAfter } = loadCertificate({ chain, key, chainPath, keyPath }, now);
  return { path: chainPath, names, kind, notAfter };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CertificateError(
      'certificate.unreadable',
      `${path} cannot be read (${reason}); run this as the hub's user, or with sudo.`,
      { cause: error },
    );
  }
}
