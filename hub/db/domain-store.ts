// Questions and changes about owners' domains arrive; rows and notifications leave. Implements the port of hub/tunnels/domains/domain.ts.

import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { and, count, eq, lt, ne, or, sql } from './drizzle.ts';
import {
  isHolder,
  type DomainClaim,
  type DomainStore,
  type Revision,
  type ServedDomain,
} from '../tunnels/domains/domain.ts';
import { DomainError } from '../tunnels/domains/domain-error.ts';
import { defaultDomainLimits } from '../tunnels/domains/limits.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { announceDomain, changeableColumns, claimOf, domainChannel } from './domain-rows.ts';
import { domains } from './schema.ts';
import { lockLiving } from './server-store.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresDomainStore implements DomainStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;
  readonly #domainsPerOwner: number;
  readonly #now: () => Date;

  constructor(
    database: Pick<Database, 'queries' | 'changes'>,
    options: { domainsPerOwner?: number; now?: () => Date } = {},
  ) {
    this.#queries = database.queries;
    this.#changes = database.changes;
    this.#domainsPerOwner = options.domainsPerOwner ?? defaultDomainLimits.domainsPerOwner;
    this.#now = options.now ?? (() => new Date());
  }

  async claim(hostname: string, serverId: string): Promise<DomainClaim> {
    return inTransaction(this.#queries, async (tx) => {
      const { ownerId } = await lockLiving(tx, serverId);
      const isOwn = and(eq(domains.hostname, hostname), eq(domains.serverId, serverId));
      const [former] = await tx
        .select()
        .from(domains)
        .where(and(isOwn, ne(domains.state, 'dropped')));
      if (former !== undefined) return claimOf(former);
      await this.#requireQuota(tx, ownerId);
      const at = this.#now();
      const [row] = await tx
        .insert(domains)
        .values({
          id: randomUUIDv7(),
          hostname,
          serverId,
          ownerId,
          // 128 bits: nobody can have it in his DNS by chance or by foresight.
          token: randomBytes(16).toString('hex'),
          state: 'waiting',
          stateSince: at,
          nextCheckAt: at,
          createdAt: at,
        })
        .returning();
      await announceDomain(tx, hostname);
      if (row === undefined) throw new Error('INSERT ... RETURNING returned nothing');
      return claimOf(row);
    });
  }

  async #requireQuota(tx: Transaction, ownerId: string): Promise<void> {
    const [held] = await tx
      .select({ claims: count() })
      .from(domains)
      .where(and(eq(domains.ownerId, ownerId), ne(domains.state, 'dropped')));
    if ((held?.claims ?? 0) < this.#domainsPerOwner) return;
    throw new DomainError(
      'domain.quota',
      `this owner has ${this.#domainsPerOwner} domains, as many as one may: remove one that is not needed any more`,
    );
  }

  async list(): Promise<DomainClaim[]> {
    const rows = await this.#queries.select().from(domains).orderBy(domains.hostname, domains.id);
    return rows.map(claimOf);
  }

  async listByHostname(hostname: string): Promise<DomainClaim[]> {
    const isNamed = eq(domains.hostname, hostname);
    const rows = await this.#queries.select().from(domains).where(isNamed).orderBy(domains.id);
    return rows.map(claimOf);
  }

  async listServed(hostnames?: readonly string[]): Promise<ServedDomain[]> {
    const isAsked =
      hostnames && sql`${domains.hostname} = ANY(${sql.param([...hostnames])}::text[])`;
    return this.#queries
      .select({ hostname: domains.hostname, serverId: domains.serverId })
      .from(domains)
      .where(and(isAsked, holds));
  }

  async takeDue(at: Date, limit: number, leaseMs: number): Promise<string[]> {
    const { rows } = await this.#queries.execute<{ hostname: string }>(sql`
      UPDATE ${domains} SET next_check_at = ${new Date(at.getTime() + leaseMs).toISOString()}
      WHERE id IN (
        SELECT id FROM ${domains} WHERE state <> 'dropped' AND next_check_at <= ${at.toISOString()}
        ORDER BY (proof = 'unanswered' OR way = 'unanswered') IS TRUE, next_check_at
        LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ) RETURNING hostname`);
    return [...new Set(rows.map(({ hostname }) => hostname))];
  }

  async revise(hostname: string, revision: Revision): Promise<DomainClaim[]> {
    return inTransaction(this.#queries, async (tx) => {
      const isNamed = eq(domains.hostname, hostname);
      const rows = await tx
        .select()
        .from(domains)
        .where(isNamed)
        .orderBy(domains.id)
        .for('no key update');
      const claims = new Map(rows.map((row) => [row.id, claimOf(row)]));
      const isNews = (claim: DomainClaim) => claims.get(claim.id)?.state !== claim.state;
      // Whoever gives the hostname up comes before whoever takes it: two holders would be one too many at any moment.
      const revised = revision([...claims.values()]).toSorted(
        (one, other) => Number(isHolder(one)) - Number(isHolder(other)),
      );
      for (const claim of revised) {
        await tx.update(domains).set(changeableColumns(claim)).where(eq(domains.id, claim.id));
      }
      if (revised.some(isNews)) await announceDomain(tx, hostname);
      for (const claim of revised) claims.set(claim.id, claim);
      return [...claims.values()];
    });
  }

  async remove(claimId: string): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      const [removed] = await tx
        .delete(domains)
        .where(eq(domains.id, claimId))
        .returning({ hostname: domains.hostname });
      if (removed === undefined) return false;
      // Whoever waits for the same hostname need not wait for his hour.
      await tx
        .update(domains)
        .set({ nextCheckAt: this.#now() })
        .where(and(eq(domains.hostname, removed.hostname), eq(domains.state, 'waiting')));
      await announceDomain(tx, removed.hostname);
      return true;
    });
  }

  async forgetDropped(before: Date): Promise<void> {
    await this.#queries
      .delete(domains)
      .where(and(eq(domains.state, 'dropped'), lt(domains.stateSince, before)));
  }

  async watch(onChange: (hostname: string | undefined) => void): Promise<() => Promise<void>> {
    const stop = await this.#changes.listen(domainChannel, onChange);
    return async () => stop();
  }
}

/** As `isHolder` says, and as the index that allows one of them for a hostname. */
const holds = or(
  eq(domains.state, 'active'),
  eq(domains.state, 'unreachable'),
  eq(domains.state, 'withdrawn'),
);
