// A server name of a ClientHello arrives; the certificate that serves it best leaves, seconds after any process has stored it.

import type { Buffer } from 'node:buffer';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { Logger } from '../../../shared/log.ts';
import { CertificateError } from '../failure.ts';
import type { CertificateSource, KeyKind, ServedCertificate } from '../store.ts';
import type { CertificateStore, ManagedCertificate } from './certificate.ts';
import { defaultPollMs, StoreFollower } from './follower.ts';
import type { KeyRing } from './sealing.ts';
import { setNodeTimer, type SetTimer } from './timer.ts';

export interface LiveCertificatesOptions {
  readonly store: CertificateStore;
  readonly keyRing: KeyRing;
  readonly log: Logger;
  readonly now?: () => Date;
  readonly setTimer?: SetTimer;
  readonly pollMs?: number;
}

export class LiveCertificates implements CertificateSource {
  readonly #options: LiveCertificatesOptions;
  readonly #now: () => Date;
  readonly #byId = new Map<string, Entry>();
  readonly #byName = new Map<string, Set<Entry>>();
  /** Least recently used first. */
  readonly #contexts = new Map<Entry, SecureContext>();
  #sealed = 0;
  #follower: StoreFollower | undefined;

  /** @throws CertificateError certificate.sealed if none of the stored keys opens: HUB_SECRET_KEY is another one */
  static async open(options: LiveCertificatesOptions): Promise<LiveCertificates> {
    const live = new LiveCertificates(options);
    const { store, log } = options;
    live.#follower = await StoreFollower.open({
      store,
      setTimer: options.setTimer ?? setNodeTimer,
      pollMs: options.pollMs ?? defaultPollMs,
      onRow: (row) => live.#put(row),
      onGone: (id) => live.#delete(id),
      onFailure: (error) => log.warn({ err: error }, 'certificates could not be read'),
    });
    if (live.#sealed > 0 && live.#byId.size === 0) {
      await live.stop();
      throw new CertificateError(
        'certificate.sealed',
        `None of the ${live.#sealed} stored keys can be opened. ${options.keyRing.foreign}`,
      );
    }
    return live;
  }

  private constructor(options: LiveCertificatesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  find(serverName: string, kind: KeyKind = 'ecdsa'): ServedCertificate | undefined {
    const entries = this.#covering(serverName);
    if (entries.length > 1) {
      const now = this.#now();
      const rank = (entry: Entry): number => rankOf(entry, { serverName, kind, now });
      entries.sort((a, b) => rank(b) - rank(a) || endOf(b) - endOf(a));
    }
    for (const entry of entries) {
      const context = this.#contextOf(entry);
      if (context === undefined) continue;
      return { context, names: entry.names, notAfter: entry.notAfter };
    }
    return undefined;
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  /** By exact name and by the wildcard one level up (RFC 9525 §6.3): two look-ups, whatever the number of names. */
  #covering(serverName: string): Entry[] {
    const exact = this.#byName.get(serverName) ?? [];
    const dot = serverName.indexOf('.');
    const wild = dot > 0 ? (this.#byName.get(`*${serverName.slice(dot)}`) ?? []) : [];
    return [...exact, ...wild];
  }

  /** Made at first use and shared by all its connections; the ones that nobody asked for in a long time are given up. */
  #contextOf(entry: Entry): SecureContext | undefined {
    if (entry.isBroken) return undefined;
    let context = this.#contexts.get(entry);
    this.#contexts.delete(entry);
    try {
      context ??= createSecureContext({
        cert: entry.chain,
        key: this.#options.keyRing.open(entry.sealedKey, entry.id),
        minVersion: 'TLSv1.2',
      });
    } catch (error) {
      entry.isBroken = true;
      this.#options.log.error({ err: error, names: entry.names }, 'certificate cannot be served');
      return undefined;
    }
    this.#contexts.set(entry, context);
    const [oldest] = this.#contexts.keys();
    if (this.#contexts.size > contextsKept && oldest !== undefined) this.#contexts.delete(oldest);
    return context;
  }

  #put(row: ManagedCertificate): void {
    const former = this.#byId.get(row.id);
    const { issued, id, names, keyKind } = row;
    if (issued === undefined) return this.#delete(id);
    const isReleased = row.releasedAt !== undefined;
    if (former !== undefined && former.sealedKey.equals(issued.sealedKey)) {
      former.isReleased = isReleased;
      return undefined;
    }
    if (!this.#opens(row, issued.sealedKey)) return undefined;
    const { chain, sealedKey, notAfter } = issued;
    const entry = { id, names, keyKind, chain, sealedKey, notAfter, isReleased, isBroken: false };
    this.#delete(id);
    this.#byId.set(id, entry);
    for (const name of names) {
      const entries = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, entries.add(entry));
    }
    return undefined;
  }

  /** Tried at once, so that a wrong HUB_SECRET_KEY is heard of at the start and not from a visitor. The former one stays. */
  #opens({ id, names }: ManagedCertificate, sealedKey: Buffer): boolean {
    try {
      this.#options.keyRing.open(sealedKey, id);
      return true;
    } catch (error) {
      this.#sealed += 1;
      this.#options.log.error({ err: error, names }, 'certificate cannot be opened');
      return false;
    }
  }

  #delete(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#byId.delete(id);
    this.#contexts.delete(entry);
    for (const name of entry.names) {
      const entries = this.#byName.get(name);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byName.delete(name);
    }
  }
}

interface Entry {
  readonly id: string;
  readonly names: readonly string[];
  readonly keyKind: KeyKind;
  readonly chain: string;
  readonly sealedKey: Buffer;
  readonly notAfter: Date;
  isReleased: boolean;
  isBroken: boolean;
}

/** Each is some 40 KB, so these are 80 MB; a hub of more names makes the context again, in a third of a millisecond, for whoever comes rarely. */
const contextsKept = 2000;

interface Asked {
  readonly serverName: string;
  readonly kind: KeyKind;
  readonly now: Date;
}

/**
 * One that is valid above all; then the kind of key, which the client may know no other of; then the name itself before a
 * wildcard, since its owner chose its authority; then one that is not about to be revoked.
 */
function rankOf(entry: Entry, { serverName, kind, now }: Asked): number {
  const claims = [
    entry.notAfter > now,
    entry.keyKind === kind,
    entry.names.includes(serverName),
    !entry.isReleased,
  ];
  return claims.reduce((rank, isTrue) => rank * 2 + (isTrue ? 1 : 0), 0);
}

function endOf(entry: Entry): number {
  return entry.notAfter.getTime();
}
