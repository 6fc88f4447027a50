// The ports of certificates in memory, for tests of the rooms that use them: what Postgres promises, without surviving anything.

import { randomUUIDv7 } from 'node:crypto';

import type {
  Challenge,
  ChallengeKind,
  ChallengeStore,
} from '../../hub/certificates/challenges/solver.ts';
import type { TxtRecord } from '../../hub/certificates/dns/provider.ts';
import type { TxtRecordStore } from '../../hub/certificates/dns/txt-records.ts';
import type {
  AccountStore,
  Attempts,
  AuthorityAccount,
  CertificateStore,
  CertificateWish,
  IssuedCertificate,
  Lease,
  ManagedCertificate,
  OrderLog,
  OrderLook,
  OrderRecord,
  OrderRefusal,
  RenewalPlan,
} from '../../hub/certificates/life/certificate.ts';
import { reconcile, wishDigest, type HeldCertificate } from '../../hub/db/certificate-wishes.ts';

export interface MemoryOptions {
  /** The store's clock: leases, challenges and records end by it. */
  readonly now?: () => Date;
  /** Whose server it is. Everybody's is the operator's unless said. */
  readonly ownerOf?: (serverId: string) => string;
}

/** One that several managers of a test share, as several processes share a database. */
export class MemoryCertificateStore implements CertificateStore {
  readonly #rows = new Map<string, Row>();
  readonly #watchers = new Set<(id: string | undefined) => void>();
  readonly #now: () => Date;
  readonly #ownerOf: (serverId: string) => string;

  constructor({ now, ownerOf }: MemoryOptions = {}) {
    this.#now = now ?? (() => new Date());
    this.#ownerOf = ownerOf ?? (() => 'operator');
  }

  async list(): Promise<ManagedCertificate[]> {
    return [...this.#rows.values()].map(({ certificate }) => certificate);
  }

  async find(id: string): Promise<ManagedCertificate | undefined> {
    return this.#rows.get(id)?.certificate;
  }

  async versions(): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.#rows].map(([id, { version }]) => [id, String(version)]));
  }

  async reconcile(wishes: readonly CertificateWish[], at: Date): Promise<void> {
    const owned = wishes.map((wish) => ({ ...wish, ownerId: this.#ownerOfWish(wish) }));
    const { begin, keep, release } = reconcile([...this.#rows.values()].map(heldOf), owned);
    for (const id of release) {
      this.#change(id, { releasedAt: at });
    }
    for (const { id, wish } of keep) {
      const { ownerId: _, ...properties } = wish;
      this.#change(id, { ...properties, releasedAt: undefined });
    }
    for (const { ownerId, ...wish } of begin) {
      const certificate = { ...wish, ...unissued, id: randomUUIDv7(), createdAt: at };
      this.#rows.set(certificate.id, {
        certificate,
        ownerId,
        fence: 0,
        isRetiring: false,
        version: 0,
      });
      this.#change(certificate.id, {});
    }
  }

  #ownerOfWish({ serverId }: CertificateWish): string | undefined {
    return serverId === undefined ? undefined : this.#ownerOf(serverId);
  }

  async takeLease(certificateId: string, leaseMs: number): Promise<Lease | undefined> {
    const row = this.#rows.get(certificateId);
    if (row === undefined || (row.leaseUntil ?? 0) > this.#now().getTime()) return undefined;
    row.fence += 1;
    row.leaseUntil = this.#now().getTime() + leaseMs;
    return { certificateId, fence: row.fence };
  }

  async extendLease(lease: Lease, leaseMs: number): Promise<boolean> {
    const row = this.#held(lease);
    if (row !== undefined) row.leaseUntil = this.#now().getTime() + leaseMs;
    return row !== undefined;
  }

  async dropLease(lease: Lease): Promise<void> {
    const row = this.#held(lease);
    if (row !== undefined) row.leaseUntil = undefined;
  }

  async saveIssued(
    lease: Lease,
    issued: IssuedCertificate,
    renewal: RenewalPlan,
  ): Promise<boolean> {
    const row = this.#held(lease);
    if (row !== undefined) row.hastenedAt = undefined;
    return this.#save(lease, { issued, renewal, attempts: unissued.attempts });
  }

  async saveAttempts(lease: Lease, attempts: Attempts): Promise<boolean> {
    return this.#save(lease, { attempts });
  }

  async saveRenewal(lease: Lease, renewal: RenewalPlan): Promise<boolean> {
    const hastenedAt = this.#held(lease)?.hastenedAt;
    const selectedAt = hastenedAt ?? renewal.selectedAt;
    return this.#save(lease, { renewal: { ...renewal, selectedAt } });
  }

  async beginRetiring(lease: Lease): Promise<boolean> {
    const row = this.#held(lease);
    if (row?.certificate.releasedAt === undefined) return false;
    row.isRetiring = true;
    return true;
  }

  async remove(lease: Lease): Promise<boolean> {
    if (this.#held(lease) === undefined) return false;
    this.#rows.delete(lease.certificateId);
    this.#announce(lease.certificateId);
    return true;
  }

  async hasten(certificateId: string): Promise<void> {
    const row = this.#rows.get(certificateId);
    if (row === undefined) return;
    const { renewal, attempts } = row.certificate;
    row.hastenedAt = this.#now();
    this.#change(certificateId, {
      renewal: { ...renewal, selectedAt: row.hastenedAt },
      attempts: { ...attempts, nextTryAt: undefined },
    });
  }

  async watch(onChange: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#watchers.add(onChange);
    return async () => void this.#watchers.delete(onChange);
  }

  async probe(): Promise<void> {}

  /** As before the first wish. */
  clear(): void {
    this.#rows.clear();
  }

  /** As after a connection that was lost. */
  announceGap(): void {
    this.#announce(undefined);
  }

  #held(lease: Lease): Row | undefined {
    const row = this.#rows.get(lease.certificateId);
    return row?.leaseUntil !== undefined && row.fence === lease.fence ? row : undefined;
  }

  #save(lease: Lease, change: Partial<ManagedCertificate>): boolean {
    const isHeld = this.#held(lease) !== undefined;
    if (isHeld) this.#change(lease.certificateId, change);
    return isHeld;
  }

  #change(id: string, change: Partial<ManagedCertificate>): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.certificate = { ...row.certificate, ...change };
    row.version += 1;
    this.#announce(id);
  }

  #announce(id: string | undefined): void {
    for (const onChange of this.#watchers) onChange(id);
  }
}

export class MemoryAccountStore implements AccountStore {
  readonly byAuthority = new Map<string, AuthorityAccount>();

  async find(authority: string): Promise<AuthorityAccount | undefined> {
    return this.byAuthority.get(authority);
  }

  async insert(account: AuthorityAccount): Promise<AuthorityAccount> {
    const stored = this.byAuthority.get(account.authority) ?? account;
    this.byAuthority.set(account.authority, stored);
    return stored;
  }

  async saveUrl(account: AuthorityAccount, url: string): Promise<void> {
    if (this.#isStored(account)) this.byAuthority.set(account.authority, { ...account, url });
  }

  async reseal(account: AuthorityAccount, sealedKey: Buffer): Promise<void> {
    const stored = this.byAuthority.get(account.authority);
    if (stored === undefined || !this.#isStored(account)) return;
    this.byAuthority.set(account.authority, { ...stored, sealedKey });
  }

  async remove(account: AuthorityAccount): Promise<void> {
    if (this.#isStored(account)) this.byAuthority.delete(account.authority);
  }

  #isStored({ authority, sealedKey }: AuthorityAccount): boolean {
    return this.byAuthority.get(authority)?.sealedKey.equals(sealedKey) ?? false;
  }
}

export class MemoryOrderLog implements OrderLog {
  /** By id, oldest first. */
  readonly records = new Map<string, OrderRecord>();
  readonly #ids: string[] = [];
  readonly #certificates = new Map<string, OrderRecord>();
  readonly #open = new Set<string>();

  async open(
    record: Omit<OrderRecord, 'outcome'>,
    look: OrderLook,
    admit: (past: readonly OrderRecord[]) => OrderRefusal | undefined,
  ): Promise<string | OrderRefusal> {
    for (const id of this.#open) {
      const left = this.records.get(id);
      const isOurs = left?.certificateId === record.certificateId;
      if (isOurs && left.authority === record.authority) this.#close(id, 'failed');
    }
    // Without a pause between the question and the record: one process at a time.
    const refusal = admit(this.#look(record.authority, look));
    if (refusal !== undefined) return refusal;
    const id = randomUUIDv7();
    this.#set(id, { ...record, outcome: 'open' });
    this.#open.add(id);
    this.#ids.push(id);
    return id;
  }

  async close(id: string, outcome: 'issued' | 'failed'): Promise<void> {
    this.#close(id, outcome);
  }

  #close(id: string, outcome: 'issued' | 'failed'): void {
    const record = this.records.get(id);
    if (record !== undefined) this.#set(id, { ...record, outcome });
    this.#open.delete(id);
  }

  async since(authority: string, at: Date): Promise<OrderRecord[]> {
    return this.#look(authority, { allSince: at, certificatesSince: at });
  }

  /** A year's failures are not walked through for each order. */
  #look(authority: string, { allSince, certificatesSince }: OrderLook): OrderRecord[] {
    const found = new Map<string, OrderRecord>();
    if (certificatesSince < allSince) {
      for (const [id, record] of this.#certificates) {
        if (record.at >= certificatesSince) found.set(id, record);
      }
    }
    for (let index = this.#ids.length - 1; index >= 0; index -= 1) {
      const id = this.#ids[index] ?? '';
      const record = this.records.get(id);
      if (record === undefined || record.at < allSince) break;
      found.set(id, record);
    }
    const records = [...found.values()].filter((record) => record.authority === authority);
    return records.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  }

  #set(id: string, record: OrderRecord): void {
    this.records.set(id, record);
    const isCertificate = record.outcome !== 'failed' && record.kind !== 'replacement';
    if (isCertificate) this.#certificates.set(id, record);
    else this.#certificates.delete(id);
  }
}

export class MemoryChallengeStore implements ChallengeStore {
  /** By token, newest last. */
  readonly challenges = new Map<string, { challenge: Challenge; expiresAt: Date }>();
  readonly #now: () => Date;

  constructor({ now }: MemoryOptions = {}) {
    this.#now = now ?? (() => new Date());
  }

  async put(challenge: Challenge, expiresAt: Date): Promise<void> {
    this.challenges.delete(keyOf(challenge));
    this.challenges.set(keyOf(challenge), { challenge, expiresAt });
  }

  async remove(challenge: Challenge): Promise<void> {
    this.challenges.delete(keyOf(challenge));
  }

  async listOpen(): Promise<Challenge[]> {
    return [...this.challenges.values()]
      .filter(({ challenge, expiresAt }) => challenge.kind !== 'dns-01' && expiresAt > this.#now())
      .map(({ challenge }) => challenge)
      .toReversed();
  }

  async findByName(kind: ChallengeKind, name: string): Promise<Challenge | undefined> {
    return this.#findLast((challenge) => challenge.kind === kind && challenge.name === name);
  }

  async listByName(kind: ChallengeKind, name: string): Promise<Challenge[]> {
    return [...this.challenges.values()]
      .map(({ challenge }) => challenge)
      .filter((challenge) => challenge.kind === kind && challenge.name === name);
  }

  #findLast(isWanted: (challenge: Challenge) => boolean): Challenge | undefined {
    return [...this.challenges.values()].findLast(
      ({ challenge, expiresAt }) => isWanted(challenge) && expiresAt > this.#now(),
    )?.challenge;
  }
}

export class MemoryTxtRecordStore implements TxtRecordStore {
  /** By name and value. */
  readonly #records = new Map<string, { record: TxtRecord; expiresAt: Date }>();
  readonly #watchers = new Set<() => void>();
  readonly #now: () => Date;

  constructor({ now }: MemoryOptions = {}) {
    this.#now = now ?? (() => new Date());
  }

  async put(record: TxtRecord, expiresAt: Date): Promise<void> {
    this.#records.set(textOf(record), { record, expiresAt });
    this.#announce();
  }

  async remove(record: TxtRecord): Promise<void> {
    this.#records.delete(textOf(record));
    this.#announce();
  }

  async list(): Promise<TxtRecord[]> {
    const records = [...this.#records.values()];
    return records.filter(({ expiresAt }) => expiresAt > this.#now()).map(({ record }) => record);
  }

  async watch(onChange: () => void): Promise<() => Promise<void>> {
    this.#watchers.add(onChange);
    return async () => void this.#watchers.delete(onChange);
  }

  #announce(): void {
    for (const onChange of this.#watchers) onChange();
  }
}

interface Row {
  certificate: ManagedCertificate;
  ownerId: string | undefined;
  version: number;
  fence: number;
  leaseUntil?: number | undefined;
  hastenedAt?: Date | undefined;
  isRetiring: boolean;
}

const unissued = {
  issued: undefined,
  renewal: { window: undefined, selectedAt: undefined, askAgainAt: undefined },
  attempts: { failures: 0, nextTryAt: undefined, lastError: undefined },
  releasedAt: undefined,
};

function heldOf({ certificate, ownerId, isRetiring }: Row): HeldCertificate {
  const { id, serverId, challenge, profile } = certificate;
  const isReleased = certificate.releasedAt !== undefined;
  const key = wishDigest(certificate);
  return { id, key, serverId, ownerId, challenge, profile, isReleased, isRetiring };
}

function keyOf({ kind, name, token }: Challenge): string {
  return JSON.stringify([kind, name, token]);
}

function textOf({ name, value }: TxtRecord): string {
  return JSON.stringify([name, value]);
}
