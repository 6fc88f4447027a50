// Paths of PEM pairs arrive; the certificates in them leave, read again whenever the files change on disk.

import { readFile, stat } from 'node:fs/promises';

import type { Logger } from '../../shared/log.ts';
import { CertificateError } from './failure.ts';
import { CertificateIndex, isInLast, loadCertificate, type LoadedCertificate } from './served.ts';
import type { CertificateSource, KeyKind, ServedCertificate } from './store.ts';

export interface CertificateFiles {
  /** The server's certificate first, then its issuers. */
  readonly chainPath: string;
  readonly keyPath: string;
}

export interface FileCertificatesOptions {
  readonly pairs: readonly CertificateFiles[];
  readonly hubHost: string;
  readonly tenantDomain: string;
  readonly log: Logger;
  readonly now?: () => Date;
  readonly pollIntervalMs?: number;
}

/** One pair as it is watched. */
interface WatchedPair {
  readonly files: CertificateFiles;
  stamp: string;
  current: LoadedCertificate;
  /** The last complaint, so that a broken pair is reported once and not every few seconds. */
  complaint: string | undefined;
  warnedAt: number;
}

export class FileCertificates implements CertificateSource {
  readonly #options: FileCertificatesOptions;
  readonly #now: () => Date;
  readonly #pairs: WatchedPair[];
  readonly #missed = new Set<KeyKind>();
  #index: CertificateIndex;
  #timer: NodeJS.Timeout | undefined;

  /** @throws CertificateError for any pair that cannot be served, and when none covers the hub's own name. */
  static async open(options: FileCertificatesOptions): Promise<FileCertificates> {
    const now = options.now?.() ?? new Date();
    const pairs: WatchedPair[] = [];
    for (const files of options.pairs) {
      const stamp = await stampOf(files);
      const current = await loadPair(files, now);
      pairs.push({ files, stamp, current, complaint: undefined, warnedAt: 0 });
    }
    const source = new FileCertificates(options, pairs);
    source.#refuseWithoutHub();
    source.#warnWithoutTenants();
    source.#warnOfEnds();
    await source.#warnOfOpenKeys();
    source.#schedule();
    return source;
  }

  private constructor(options: FileCertificatesOptions, pairs: WatchedPair[]) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#pairs = pairs;
    this.#index = indexOf(pairs);
  }

  find(serverName: string, kind?: KeyKind): ServedCertificate | undefined {
    return this.#index.find(serverName, kind);
  }

  /** What is served at present, for monitoring. */
  held(): readonly LoadedCertificate[] {
    return this.#pairs.map(({ current }) => current);
  }

  /** Nothing is made here; that the files do not have what a server wants is said once. */
  async prepare(kind: KeyKind): Promise<void> {
    const isThere = this.#pairs.some(({ current }) => current.kind === kind);
    if (isThere || this.#missed.has(kind)) return;
    this.#missed.add(kind);
    this.#options.log.warn(
      { kind },
      'no certificate with a kind of key that a server or its visitors want',
    );
  }

  /** Reads what changed. A pair that is broken or half written keeps its former certificate, and is tried at every look. */
  async reread(): Promise<void> {
    for (const pair of this.#pairs) await this.#rereadPair(pair);
    this.#warnOfEnds();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Looks at the files themselves rather than watching folders: inotify is silent on network mounts and follows neither the
   * symbolic links of certbot nor those of Kubernetes.
   */
  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.reread().finally(() => {
        if (this.#timer !== undefined) this.#schedule();
      });
    }, this.#options.pollIntervalMs ?? defaultPollIntervalMs).unref();
  }

  async #rereadPair(pair: WatchedPair): Promise<void> {
    const { log } = this.#options;
    try {
      const stamp = await stampOf(pair.files);
      if (stamp === pair.stamp) return;
      pair.current = await loadPair(pair.files, this.#now());
      pair.stamp = stamp;
      pair.complaint = undefined;
      this.#index = indexOf(this.#pairs);
      const { names, notAfter } = pair.current;
      log.info({ path: pair.files.chainPath, names, notAfter }, 'certificate read again');
      this.#warnWithoutTenants();
    } catch (error) {
      const complaint = error instanceof Error ? error.message : String(error);
      if (complaint === pair.complaint) return;
      pair.complaint = complaint;
      log.warn(
        { err: error, path: pair.files.chainPath },
        'certificate kept, its new files are not usable',
      );
    }
  }

  #refuseWithoutHub(): void {
    const { hubHost, pairs } = this.#options;
    if (this.find(hubHost) !== undefined) return;
    const paths = pairs.map((pair) => pair.chainPath).join(', ');
    throw new CertificateError(
      'certificate.names',
      `No certificate in ${paths} is for ${hubHost}, the hub's own name; add one, or correct HUB_PUBLIC_URL.`,
    );
  }

  #warnWithoutTenants(): void {
    const { tenantDomain, log } = this.#options;
    // Servers may have certificates of their own instead of a wildcard, so this is advice.
    if (this.find(`any-server.${tenantDomain}`) !== undefined) return;
    log.warn({ missing: `*.${tenantDomain}` }, 'no wildcard certificate for the tenant domain');
  }

  /** Advice, not refusal: Kubernetes mounts its secrets 0644, and some hosts share keys through a group. */
  async #warnOfOpenKeys(): Promise<void> {
    if (process.platform === 'win32') return;
    for (const { keyPath } of this.#options.pairs) {
      const { mode } = await stat(keyPath);
      if ((mode & 0o007) === 0) continue;
      this.#options.log.warn({ path: keyPath }, 'private key can be read by every user');
    }
  }

  #warnOfEnds(): void {
    const now = this.#now();
    for (const pair of this.#pairs) {
      if (!isInLast(1 / 5, pair.current, now)) continue;
      if (now.getTime() - pair.warnedAt < dayMs) continue;
      pair.warnedAt = now.getTime();
      const { names, notAfter } = pair.current;
      const path = pair.files.chainPath;
      this.#options.log.warn({ path, names, notAfter }, 'certificate is about to end');
    }
  }
}

/** Long enough to cost nothing, short enough that whoever replaces a certificate sees it happen. */
const defaultPollIntervalMs = 5000;

const dayMs = 86_400_000;

function indexOf(pairs: readonly WatchedPair[]): CertificateIndex {
  return new CertificateIndex(pairs.map((pair) => pair.current));
}

/** Before anything that takes its time is begun. @throws CertificateError certificate.unreadable */
export async function requireFiles(pairs: readonly CertificateFiles[]): Promise<void> {
  for (const files of pairs) await stampOf(files);
}

/** Changes whenever one of the files is written, replaced, or reached through another link. */
async function stampOf({ chainPath, keyPath }: CertificateFiles): Promise<string> {
  const stamps: string[] = [];
  const paths = [
    [chainPath, false],
    [keyPath, true],
  ] as const;
  for (const [path, isKey] of paths) {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path).catch((error: unknown) => {
      throw unreadable(path, isKey, error);
    });
    stamps.push([ino, size, mtimeMs, ctimeMs].join(' '));
  }
  return stamps.join(', ');
}

async function loadPair(files: CertificateFiles, now: Date): Promise<LoadedCertificate> {
  const [chain, key] = await Promise.all([
    readPem(files.chainPath, false),
    readPem(files.keyPath, true),
  ]);
  return loadCertificate({ chain, key, ...files }, now);
}

async function readPem(path: string, isKey: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, isKey, error);
  }
}

function unreadable(path: string, isKey: boolean, error: unknown): CertificateError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return new CertificateError(
    'certificate.unreadable',
    `${path} of ${isKey ? 'HUB_TLS_KEY_FILE' : 'HUB_TLS_CERT_FILE'} cannot be read (${reason}); check the path and that the hub's user may read it.`,
    { cause: error },
  );
}
