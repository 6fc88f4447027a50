// The hub's names arrive; certificates from its own authority leave, renewed in time by the running process.

import { randomBytes, X509Certificate } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from '../../shared/log.ts';
import { CertificateError } from './failure.ts';
import { issueLeaf } from './issuance.ts';
import {
  openLocalAuthority,
  readPrivateFile,
  writePrivateFile,
  type LocalAuthority,
} from './local-authority.ts';
import { CertificateIndex, isInLast, loadCertificate, type LoadedCertificate } from './served.ts';
import type { CertificateSource, ServedCertificate } from './store.ts';

export interface LocalCaOptions {
  readonly folder: string;
  readonly hubHost: string;
  readonly tenantDomain: string;
  readonly log: Logger;
  readonly now?: () => Date;
}

/** The domains that a local CA of these names vouches for. */
export function localCaDomains(names: { hubHost: string; tenantDomain: string }): string[] {
  return [names.hubHost, names.tenantDomain];
}

export class LocalCa implements CertificateSource {
  readonly authority: LocalAuthority;
  readonly #options: LocalCaOptions;
  readonly #now: () => Date;
  #current: LoadedCertificate;
  #index: CertificateIndex;
  #timer: NodeJS.Timeout | undefined;

  /** @throws CertificateError */
  static async open(options: LocalCaOptions): Promise<LocalCa> {
    const now = options.now?.() ?? new Date();
    const authority = await openLocalAuthority(options.folder, localCaDomains(options), now);
    const kept = await readLeaf(authority, options, now);
    const current = kept ?? (await newLeaf(authority, options, now));
    const source = new LocalCa(options, authority, current);
    await source.renewIfDue();
    source.#timer = setInterval(() => void source.renewIfDue(), renewalCheckMs).unref();
    return source;
  }

  private constructor(
    options: LocalCaOptions,
    authority: LocalAuthority,
    current: LoadedCertificate,
  ) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.authority = authority;
    this.#current = current;
    this.#index = new CertificateIndex([current]);
  }

  find(serverName: string): ServedCertificate | undefined {
    return this.#index.find(serverName);
  }

  /** Replaces the certificate once a third of its life is left. What goes wrong is logged and tried again at the next check. */
  async renewIfDue(): Promise<void> {
    const now = this.#now();
    if (!isInLast(1 / 3, this.#current, now)) return;
    const { log } = this.#options;
    try {
      this.#current = await newLeaf(this.authority, this.#options, now);
      this.#index = new CertificateIndex([this.#current]);
      const { names, notAfter } = this.#current;
      log.info({ names, notAfter }, 'certificate renewed');
    } catch (error) {
      const { notAfter } = this.#current;
      log.error({ err: error, notAfter }, 'certificate renewal failed');
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Renewal has a month of time; an hour is soon enough after a night in suspend. */
const renewalCheckMs = 3_600_000;

/** Key and chain share one file, so that a crash cannot leave the key of one beside the chain of another. */
const leafName = 'server.pem';

function leafNames(options: LocalCaOptions): string[] {
  return [...new Set([options.hubHost, options.tenantDomain, `*.${options.tenantDomain}`])];
}

/** The certificate of an earlier start, if it still serves these names. It is made again at no cost, so damage is no error. */
async function readLeaf(
  authority: LocalAuthority,
  options: LocalCaOptions,
  now: Date,
): Promise<LoadedCertificate | undefined> {
  const path = join(authority.folder, leafName);
  try {
    const loaded = loadLeaf(path, await readPrivateFile(path), now);
    const isOurs = loaded.leaf.verify(new X509Certificate(authority.certificate).publicKey);
    const hasNames = leafNames(options).every((name) => loaded.names.includes(name));
    return isOurs && hasNames ? loaded : undefined;
  } catch (error) {
    const isReplaceable = error instanceof CertificateError && error.code !== 'certificate.exposed';
    if (!isReplaceable) throw error;
    return undefined;
  }
}

async function newLeaf(
  authority: LocalAuthority,
  options: LocalCaOptions,
  now: Date,
): Promise<LoadedCertificate> {
  const path = join(authority.folder, leafName);
  const issued = await issueLeaf(authority, leafNames(options), now);
  const text = `${issued.key}${issued.certificate}`;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writePrivateFile(draft, text);
  await rename(draft, path);
  return loadLeaf(path, text, now);
}

function loadLeaf(path: string, text: string, now: Date): LoadedCertificate {
  return loadCertificate({ chain: text, key: text, chainPath: path, keyPath: path }, now);
}
