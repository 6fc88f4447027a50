// Rows of the table of domains arrive; claims as the domain knows them leave, and back again, with the news for every process.

import { and, eq, ne, sql } from './drizzle.ts';
import type { DomainClaim } from '../tunnels/domains/domain.ts';
import { domains } from './schema.ts';
import type { Transaction } from './transaction.ts';

type Row = typeof domains.$inferSelect;

export function claimOf(row: Row): DomainClaim {
  const { proof, way, strangers, ...others } = row;
  return {
    ...others,
    troubledSince: row.troubledSince ?? undefined,
    dropReason: row.dropReason ?? undefined,
    finding: proof === null || way === null ? undefined : { proof, way, strangers },
    checkedAt: row.checkedAt ?? undefined,
  };
}

/** Of a claim, what a look can change. */
export function changeableColumns(claim: DomainClaim): Partial<Row> {
  const { state, stateSince, finding, nextCheckAt } = claim;
  return {
    state,
    stateSince,
    troubledSince: claim.troubledSince ?? null,
    dropReason: claim.dropReason ?? null,
    proof: finding?.proof ?? null,
    way: finding?.way ?? null,
    strangers: [...(finding?.strangers ?? [])],
    checkedAt: claim.checkedAt ?? null,
    nextCheckAt,
  };
}

/**
 * At once, without a grace: the server is gone, and whoever still points his domain here must not find it answered by
 * another's.
 */
export async function dropDomainsOf(tx: Transaction, serverId: string, at: Date): Promise<void> {
  const lost = await tx
    .update(domains)
    .set({ state: 'dropped', stateSince: at, dropReason: 'revoked' })
    .where(and(eq(domains.serverId, serverId), ne(domains.state, 'dropped')))
    .returning({ hostname: domains.hostname });
  for (const { hostname } of lost) await announceDomain(tx, hostname);
}

/** Every process that watches domains hears of it, in the moment the transaction commits and not before. */
export async function announceDomain(tx: Transaction, hostname: string): Promise<void> {
  await tx.execute(sql`SELECT pg_notify(${domainChannel}, ${hostname})`);
}

export const domainChannel = 'phlix_domains';
