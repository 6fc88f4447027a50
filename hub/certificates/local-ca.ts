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
import type { CertificateSource, KeyKind, ServedCertificate } from './store.ts';

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
  /** The ECDSA one always; the RSA one once somebody has asked for it. */
  readonly #leaves: Map<KeyKind, LoadedCertificate>;
  #index: CertificateIndex;
  /** Under way, or failed a moment ago. */
  readonly #preparing = new Map<KeyKind, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  /** @throws CertificateError */
  static async open(options: LocalCaOptions): Promise<LocalCa> {
    const now = options.now?.() ?? new Date();
    const authority = await openLocalAuthority(options.folder, localCaDomains(options), now);
    const leaves = new Map<KeyKind, LoadedCertificate>();
    for (const kind of ['ecdsa', 'rsa'] as const) {
      const kept = await readLeaf(authority, options, { kind, now });
      if (kept !== undefined) leaves.set(kind, kept);
    }
    if (!leaves.has('ecdsa')) {
      leaves.set('ecdsa', await newLeaf(authority, options, { kind: 'ecdsa', now }));
    }
    const source = new LocalCa(options, authority, leaves);
    await source.renewIfDue();
    source.#timer = setInterval(() => void source.renewIfDue(), renewalCheckMs).unref();
    return source;
  }

  private constructor(
    options: LocalCaOptions,
    authority: LocalAuthority,
    leaves: Map<KeyKind, LoadedCertificate>,
  ) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.authority = authority;
    this.#leaves = leaves;
    this.#index = new CertificateIndex([...leaves.values()]);
  }

  find(serverName: string, kind?: KeyKind): ServedCertificate | undefined {
    return this.#index.find(serverName, kind);
  }

  /** What is served at present, for monitoring. */
  held(): readonly LoadedCertificate[] {
    return [...this.#leaves.values()];
  }

  async prepare(kind: KeyKind): Promise<void> {
    if (this.#leaves.has(kind)) return;
    let preparing = this.#preparing.get(kind);
    if (preparing === undefined) {
      preparing = this.#prepare(kind);
      this.#preparing.set(kind, preparing);
    }
    await preparing;
  }

  /** Replaces what has a third of its life left. What goes wrong is logged and tried again at the next check. */
  async renewIfDue(): Promise<void> {
    const now = this.#now();
    for (const [kind, current] of this.#leaves) {
      if (!isInLast(1 / 3, current, now)) continue;
      const { log } = this.#options;
      try {
        const { names, notAfter } = await this.#replace(kind, now);
        log.info({ names, notAfter, kind }, 'certificate renewed');
      } catch (error) {
        const { notAfter } = current;
        log.error({ err: error, notAfter, kind }, 'certificate renewal failed');
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #prepare(kind: KeyKind): Promise<void> {
    try {
      const { names, notAfter } = await this.#replace(kind, this.#now());
      this.#options.log.info({ names, notAfter, kind }, 'certificate made');
      this.#preparing.delete(kind);
    } catch (error) {
      this.#options.log.error({ err: error, kind }, 'certificate could not be made');
      setTimeout(() => this.#preparing.delete(kind), retryMs).unref();
    }
  }

  async #replace(kind: KeyKind, now: Date): Promise<LoadedCertificate> {
    const leaf = await newLeaf(this.authority, this.#options, { kind, now });
    this.#leaves.set(kind, leaf);
    this.#index = new CertificateIndex([...this.#leaves.values()]);
    return leaf;
  }
}

/** A full disk is not written to for each visitor that knocks. */
const retryMs = 60_000;

/** Renewal has a month of time; an hour is soon enough after a night in suspend. */
const renewalCheckMs = 3_600_000;

/** Key and chain share one file, so that a crash cannot leave the key of one beside the chain of another. */
export const leafFiles: Readonly<Record<KeyKind, string>> = {
  ecdsa: 'server.pem',
  rsa: 'server-rsa.pem',
};

interface LeafWish {
  readonly kind: KeyKind;
  readonly now: Date;
}

function leafNames(options: LocalCaOptions): string[] {
  return [...new Set([options.hubHost, options.tenantDomain, `*.${options.tenantDomain}`])];
}

/** The certificate of an earlier start, if it still serves these names. It is made again at no cost, so damage is no error. */
async function readLeaf(
  authority: LocalAuthority,
  options: LocalCaOptions,
  { kind, now }: LeafWish,
): Promise<LoadedCertificate | undefined> {
  const path = join(authority.folder, leafFiles[kind]);
  try {
    const loaded = loadLeaf(path, await readPrivateFile(path), now);
    const isOurs = loaded.leaf.verify(new X509Certificate(authority.certificate).publicKey);
    const hasNames = leafNames(options).every((name) => loaded.names.includes(name));
    return isOurs && hasNames && loaded.kind === kind ? loaded : undefined;
  } catch (error) {
    const isReplaceable = error instanceof CertificateError && error.code !== 'certificate.exposed';
    if (!isReplaceable) throw error;
    return undefined;
  }
}

async function newLeaf(
  authority: LocalAuthority,
  options: LocalCaOptions,
  { kind, now }: LeafWish,
): Promise<LoadedCertificate> {
  const path = join(authority.folder, leafFiles[kind]);
  const issued = await issueLeaf(authority, leafNames(options), now, kind);
  const text = `${issued.key}${issued.certificate}`;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writePrivateFile(draft, text);
  await rename(draft, path);
  return loadLeaf(path, text, now);
}

function loadLeaf(path: string, text: string, now: Date): LoadedCertificate {
  return loadCertificate({ chain: text, key: text, chainPath: path, keyPath: path }, now);
}
