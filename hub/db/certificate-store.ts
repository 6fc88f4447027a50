// Wishes for certificates, work on them under a lease and questions about them arrive; rows and notifications leave. Implements the port of hub/certificates/life/certificate.ts.

import { randomBytes, randomUUIDv7 } from 'node:crypto';

import type {
  Attempts,
  CertificateStore,
  CertificateWish,
  IssuedCertificate,
  Lease,
  ManagedCertificate,
  RenewalPlan,
} from '../certificates/life/certificate.ts';
import { reconcileRows } from './certificate-reconciliation.ts';
import {
  attemptColumns,
  certificateOf,
  issuedColumns,
  noAttempts,
  renewalColumns,
} from './certificate-rows.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { DatabaseError } from './database-error.ts';
import { and, eq, isNotNull, isNull, lt, or, sql } from './drizzle.ts';
import { certificates, probes } from './schema.ts';
import { inTransaction, type Transaction } from './transaction.ts';
import { isUuid } from './uuid.ts';

export class PostgresCertificateStore implements CertificateStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor(database: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = database.queries;
    this.#changes = database.changes;
  }

  async list(): Promise<ManagedCertificate[]> {
    const rows = await this.#queries
      .select()
      .from(certificates)
      .orderBy(certificates.createdAt, certificates.id);
    return rows.map(certificateOf);
  }

  async find(id: string): Promise<ManagedCertificate | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#queries.select().from(certificates).where(eq(certificates.id, id));
    return row && certificateOf(row);
  }

  async versions(): Promise<ReadonlyMap<string, string>> {
    // The transaction that wrote the row last: a heartbeat of a lease writes too, which costs one look more.
    const version = sql<string>`${certificates}.xmin::text`;
    const rows = await this.#queries.select({ id: certificates.id, version }).from(certificates);
    return new Map(rows.map((row) => [row.id, row.version]));
  }

  async reconcile(wishes: readonly CertificateWish[], at: Date): Promise<void> {
    await reconcileRows(this.#queries, wishes, { at, announce });
  }

  async takeLease(certificateId: string, leaseMs: number): Promise<Lease | undefined> {
    if (!isUuid(certificateId)) return undefined;
    const isFree = or(isNull(certificates.leaseUntil), lt(certificates.leaseUntil, databaseNow));
    const [taken] = await this.#queries
      .update(certificates)
      .set({ fence: sql`${certificates.fence} + 1`, leaseUntil: after(leaseMs) })
      .where(and(eq(certificates.id, certificateId), isFree))
      .returning({ fence: certificates.fence });
    return taken && { certificateId, fence: taken.fence };
  }

  async extendLease(lease: Lease, leaseMs: number): Promise<boolean> {
    const extended = await this.#queries
      .update(certificates)
      .set({ leaseUntil: after(leaseMs) })
      .where(isHeld(lease));
    return extended.rowCount === 1;
  }

  async dropLease(lease: Lease): Promise<void> {
    await this.#queries.update(certificates).set({ leaseUntil: null }).where(isHeld(lease));
  }

  saveIssued(lease: Lease, issued: IssuedCertificate, renewal: RenewalPlan): Promise<boolean> {
    const plan = { ...renewalColumns(renewal), hastenedAt: null };
    return this.#save(lease, { ...issuedColumns(issued), ...plan, ...noAttempts });
  }

  saveAttempts(lease: Lease, attempts: Attempts): Promise<boolean> {
    return this.#save(lease, attemptColumns(attempts));
  }

  saveRenewal(lease: Lease, renewal: RenewalPlan): Promise<boolean> {
    return this.#save(lease, renewalColumns(renewal));
  }

  async #save(lease: Lease, columns: Partial<typeof certificates.$inferInsert>): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      const saved = await tx.update(certificates).set(columns).where(isHeld(lease));
      if (saved.rowCount !== 1) return false;
      await announce(tx, lease.certificateId);
      return true;
    });
  }

  async beginRetiring(lease: Lease): Promise<boolean> {
    const begun = await this.#queries
      .update(certificates)
      .set({ isRetiring: true })
      .where(and(isHeld(lease), isNotNull(certificates.releasedAt)));
    return begun.rowCount === 1;
  }

  async remove(lease: Lease): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      const removed = await tx.delete(certificates).where(isHeld(lease));
      if (removed.rowCount !== 1) return false;
      await announce(tx, lease.certificateId);
      return true;
    });
  }

  async hasten(certificateId: string): Promise<void> {
    if (!isUuid(certificateId)) return;
    await inTransaction(this.#queries, async (tx) => {
      await tx
        .update(certificates)
        .set({ hastenedAt: new Date(), nextTryAt: null })
        .where(eq(certificates.id, certificateId));
      await announce(tx, certificateId);
    });
  }

  async watch(onChange: (id: string | undefined) => void): Promise<() => Promise<void>> {
    const onPayload = (payload: string | undefined) => onChange(payload || undefined);
    const stop = await this.#changes.listen(certificateChannel, onPayload);
    return async () => stop();
  }

  /** @throws DatabaseError database.failed */
  async probe(): Promise<void> {
    const probe = { id: randomUUIDv7(), bytes: randomBytes(32) };
    await this.#queries.insert(probes).values(probe);
    const isOurs = eq(probes.id, probe.id);
    const [found] = await this.#queries.select().from(probes).where(isOurs);
    // With it go those of processes that died between writing and deleting.
    const isLeft = lt(probes.at, sql`now() - interval '1 hour'`);
    await this.#queries.delete(probes).where(or(isOurs, isLeft));
    if (found?.bytes.equals(probe.bytes) === true) return;
    throw new DatabaseError(
      'database.failed',
      'the database does not give back what was written to it a moment ago, so no certificate is ordered: check its disk and log, and that HUB_DATABASE_URL leads to one server and not to several',
    );
  }
}

const certificateChannel = 'phlix_certificates';

/** Its clock alone decides about leases: those of the processes may differ. Not `now()`, which stands still while a lock is waited for. */
const databaseNow = sql`clock_timestamp()`;

function after(durationMs: number) {
  return sql`${databaseNow} + ${durationMs} * interval '1 millisecond'`;
}

/** A lease that is over and that nobody else took is held still: nothing has changed that its holder does not know. */
function isHeld({ certificateId, fence }: Lease) {
  return and(
    eq(certificates.id, certificateId),
    eq(certificates.fence, fence),
    isNotNull(certificates.leaseUntil),
  );
}

/** Heard in the moment the transaction commits. An empty id: anything may have changed. */
async function announce(tx: Transaction, certificateId: string): Promise<void> {
  await tx.execute(sql`SELECT pg_notify(${certificateChannel}, ${certificateId})`);
}
