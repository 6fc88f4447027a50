// A wish for a label arrives; the label's row decides who has it, so that two wishes at once cannot both be granted.

import { and, count, eq, ne, sql } from './drizzle.ts';
import type { LabelClaim } from '../tunnels/enrolment-store.ts';
import type { NameLimits } from '../tunnels/limits.ts';
import { TunnelError } from '../tunnels/tunnel-error.ts';
import { labels, owners } from './schema.ts';
import type { Transaction } from './transaction.ts';

/**
 * Claims of one owner come one after the other, so that its quota cannot be overrun by asking twice at once. A lock on
 * the key as well would wait for every transaction that has just inserted a server of this owner, and they for us.
 */
export async function lockOwner(tx: Transaction, ownerId: string): Promise<void> {
  await tx.select().from(owners).where(eq(owners.id, ownerId)).for('no key update');
}

/**
 * Gives the label to the server unless another holds it, or it is in quarantine and another owner held it last. The owner
 * must be locked and the server must hold no label.
 * @throws TunnelError name.quota
 */
export async function claimLabel(
  tx: Transaction,
  claim: LabelClaim,
  limits: NameLimits,
): Promise<'claimed' | 'name.taken' | 'name.quarantined'> {
  await requireQuota(tx, claim.ownerId, limits);
  const holder = {
    ownerId: claim.ownerId,
    serverId: claim.serverId,
    state: 'active' as const,
    claimedAt: claim.at,
    releasedAt: null,
    quarantinedUntil: null,
  };
  // Kept when its owner takes it back or gives it to another server of his: the stranger's pages may still be about.
  const newOwnerSince = sql`CASE WHEN ${labels.ownerId} = ${claim.ownerId}
    THEN ${labels.newOwnerSince} ELSE ${claim.at.toISOString()}::timestamptz END`;
  const claimed = await tx
    .insert(labels)
    .values({ label: claim.label, ...holder })
    .onConflictDoUpdate({
      target: labels.label,
      set: { ...holder, newOwnerSince },
      setWhere: sql`${labels.state} = 'quarantined'
        AND (${labels.ownerId} = ${claim.ownerId} OR ${labels.quarantinedUntil} <= ${claim.at.toISOString()})`,
    })
    .returning({ label: labels.label });
  if (claimed.length > 0) {
    return 'claimed';
  }
  const [row] = await tx.select().from(labels).where(eq(labels.label, claim.label));
  return row?.state === 'quarantined' ? 'name.quarantined' : 'name.taken';
}

/** Puts the server's label into quarantine; returns it. */
export async function releaseLabel(
  tx: Transaction,
  serverId: string,
  at: Date,
  limits: NameLimits,
): Promise<string | undefined> {
  const [released] = await tx
    .update(labels)
    .set({
      state: 'quarantined',
      serverId: null,
      releasedAt: at,
      quarantinedUntil: new Date(at.getTime() + limits.quarantineMs),
    })
    .where(and(eq(labels.serverId, serverId), eq(labels.state, 'active')))
    .returning({ label: labels.label });
  return released?.label;
}

/** Every process that watches servers hears of it, in the moment the transaction commits and not before. */
export async function announceServer(tx: Transaction, serverId: string): Promise<void> {
  await tx.execute(sql`SELECT pg_notify(${serverChannel}, ${serverId})`);
}

export const serverChannel = 'phlix_servers';

/** @throws TunnelError name.quota */
export async function requireQuota(
  tx: Transaction,
  ownerId: string,
  limits: NameLimits,
): Promise<void> {
  const [held] = await tx
    .select({ names: count() })
    .from(labels)
    .where(and(eq(labels.ownerId, ownerId), ne(labels.state, 'quarantined')));
  if ((held?.names ?? 0) >= limits.namesPerOwner) {
    throw new TunnelError(
      'name.quota',
      `this owner holds ${limits.namesPerOwner} names, as many as one may: revoke a server that is not needed any more`,
    );
  }
}
