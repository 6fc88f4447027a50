// All wishes for certificates arrive; rows that begin, go on and are released leave, the same from however many processes at once.

import { randomUUIDv7 } from 'node:crypto';

import type { CertificateWish } from '../certificates/life/certificate.ts';
import {
  reconcile,
  wishDigest,
  type HeldCertificate,
  type OwnedWish,
  type Reconciliation,
} from './certificate-wishes.ts';
import type { Queries } from './connect.ts';
import { and, eq, sql } from './drizzle.ts';
import { certificates, servers } from './schema.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export async function reconcileRows(
  queries: Queries,
  wishes: readonly CertificateWish[],
  options: { at: Date; announce: (tx: Transaction, certificateId: string) => Promise<void> },
): Promise<void> {
  // Mostly there is nothing to do, and then nobody waits for anybody.
  if (isSettled(await compare(queries, wishes))) return;
  await inTransaction(queries, async (tx) => {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${lockKey})`);
    const { begin, keep, release } = await compare(tx, wishes);
    await releaseRows(tx, release, options.at);
    const lost = await keepRows(tx, keep);
    const begun = await insertRows(tx, [...begin, ...lost], options.at);
    const changed = [...release, ...keep.map(({ id }) => id), ...begun];
    const told = changed.length > maxAnnounced ? [''] : changed;
    for (const id of told) await options.announce(tx, id);
  });
}

/** One reconciliation at a time. As in migrate.ts any number will do: "certs" on a telephone's keys. */
const lockKey = 23_787;

/** Beyond it one look at everything costs the listeners less than a look at each. */
const maxAnnounced = 100;

/** Under PostgreSQL's bound of 65,535 parameters for one statement. */
const rowsPerInsert = 1000;

function isSettled({ begin, keep, release }: Reconciliation): boolean {
  return begin.length + keep.length + release.length === 0;
}

async function compare(
  queries: Queries | Transaction,
  wishes: readonly CertificateWish[],
): Promise<Reconciliation> {
  return reconcile(await selectHeld(queries), await withOwners(queries, wishes));
}

async function selectHeld(queries: Queries | Transaction): Promise<HeldCertificate[]> {
  const rows = await queries
    .select({
      id: certificates.id,
      key: certificates.wishKey,
      serverId: certificates.serverId,
      ownerId: certificates.ownerId,
      challenge: certificates.challenge,
      profile: certificates.profile,
      isReleased: sql<boolean>`${certificates.releasedAt} IS NOT NULL`,
      isRetiring: certificates.isRetiring,
    })
    .from(certificates)
    .orderBy(certificates.createdAt, certificates.id);
  return rows.map((row) => ({
    ...row,
    serverId: row.serverId ?? undefined,
    ownerId: row.ownerId ?? undefined,
    profile: row.profile ?? undefined,
  }));
}

async function withOwners(
  queries: Queries | Transaction,
  wishes: readonly CertificateWish[],
): Promise<OwnedWish[]> {
  const ids = wishes.flatMap(({ serverId }) => serverId ?? []);
  if (ids.length === 0) return wishes.map((wish) => ({ ...wish, ownerId: undefined }));
  const rows = await queries
    .select({ id: servers.id, ownerId: servers.ownerId })
    .from(servers)
    .where(sql`${servers.id} = ANY(${sql.param(ids)}::uuid[])`);
  const owners = new Map(rows.map(({ id, ownerId }) => [id, ownerId]));
  return wishes.map((wish) => ({ ...wish, ownerId: owners.get(wish.serverId ?? '') }));
}

async function releaseRows(tx: Transaction, ids: readonly string[], at: Date): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(certificates)
    .set({ releasedAt: at })
    .where(sql`${certificates.id} = ANY(${sql.param(ids)}::uuid[])`);
}

/** Returns the wishes whose released certificate somebody has begun to revoke since it was looked at. */
async function keepRows(tx: Transaction, keep: Reconciliation['keep']): Promise<OwnedWish[]> {
  const lost: OwnedWish[] = [];
  for (const { id, wish } of keep) {
    const kept = await tx
      .update(certificates)
      .set({
        challenge: wish.challenge,
        profile: wish.profile ?? null,
        serverId: wish.serverId ?? null,
        ownerId: wish.ownerId ?? null,
        releasedAt: null,
      })
      .where(and(eq(certificates.id, id), eq(certificates.isRetiring, false)));
    if (kept.rowCount !== 1) lost.push(wish);
  }
  return lost;
}

async function insertRows(
  tx: Transaction,
  wishes: readonly OwnedWish[],
  at: Date,
): Promise<string[]> {
  const rows = wishes.map((wish) => ({
    id: randomUUIDv7(),
    wishKey: wishDigest(wish),
    names: [...wish.names],
    keyKind: wish.keyKind,
    authority: wish.authority,
    challenge: wish.challenge,
    profile: wish.profile ?? null,
    serverId: wish.serverId ?? null,
    ownerId: wish.ownerId ?? null,
    createdAt: at,
  }));
  for (let first = 0; first < rows.length; first += rowsPerInsert) {
    await tx.insert(certificates).values(rows.slice(first, first + rowsPerInsert));
  }
  return rows.map(({ id }) => id);
}
