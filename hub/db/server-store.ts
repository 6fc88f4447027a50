// Questions and changes about servers arrive; rows and notifications leave. Implements the port of hub/tunnels/server.ts.

import { randomUUIDv7 } from 'node:crypto';
import { and, count, eq, gt, isNull, lt, or, sql } from './drizzle.ts';
import { requireLabel } from '../tunnels/hostname.ts';
import { changeSpanMs, defaultNameLimits, type NameLimits } from '../tunnels/limits.ts';
import {
  changedSwitches,
  type AgentIdentity,
  type Server,
  type ServerStore,
  type SwitchChange,
} from '../tunnels/server.ts';
import { TunnelError } from '../tunnels/tunnel-error.ts';
import type { Database, Queries } from './connect.ts';
import type { ChangeListener } from './change-listener.ts';
import { dropDomainsOf } from './domain-rows.ts';
import {
  announceServer,
  claimLabel,
  lockOwner,
  releaseLabel,
  serverChannel,
} from './label-claims.ts';
import { agents, labelChanges, labels, linkEpoch, serverFindings, servers } from './schema.ts';
import { selectAgent, selectServer, selectServers } from './server-rows.ts';
import { giveAway } from './server-transfer.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresServerStore implements ServerStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;
  readonly #limits: NameLimits;
  readonly #ownLabels: readonly string[];
  readonly #now: () => Date;

  /** `ownLabels`: labels under the tenant domain that the hub uses itself. */
  constructor(
    database: Pick<Database, 'queries' | 'changes'>,
    options: { limits?: NameLimits; ownLabels?: readonly string[]; now?: () => Date } = {},
  ) {
    this.#queries = database.queries;
    this.#changes = database.changes;
    this.#limits = options.limits ?? defaultNameLimits;
    this.#ownLabels = options.ownLabels ?? [];
    this.#now = options.now ?? (() => new Date());
  }

  findAgent(agentId: string): Promise<AgentIdentity | undefined> {
    return selectAgent(this.#queries, agentId);
  }

  find(serverId: string): Promise<Server | undefined> {
    return selectServer(this.#queries, serverId);
  }

  async findByLabel(label: string): Promise<Server | undefined> {
    const [server] = await selectServers(this.#queries, eq(labels.label, label));
    return server;
  }

  list(filter: { includeRevoked?: boolean } = {}): Promise<Server[]> {
    const living = filter.includeRevoked === true ? undefined : isNull(servers.revokedAt);
    return selectServers(this.#queries, living);
  }

  async rename(serverId: string, label: string): Promise<Server> {
    requireLabel(label, this.#ownLabels);
    return inTransaction(this.#queries, async (tx) => {
      const server = await lockLiving(tx, serverId);
      if (server.label !== label) {
        await this.#changeLabel(tx, server, label);
        await announceServer(tx, serverId);
      }
      return (await selectServer(tx, serverId)) ?? server;
    });
  }

  async #changeLabel(tx: Transaction, server: Server, label: string): Promise<void> {
    const at = this.#now();
    await this.#requireChangesLeft(tx, server.ownerId, at);
    const former = await releaseLabel(tx, server.id, at, this.#limits);
    const claim = { label, serverId: server.id, ownerId: server.ownerId, at };
    const outcome = await claimLabel(tx, claim, this.#limits);
    if (outcome !== 'claimed') {
      throw new TunnelError(outcome, refusals[outcome](label));
    }
    await tx.insert(labelChanges).values({
      id: randomUUIDv7(),
      ownerId: server.ownerId,
      serverId: server.id,
      fromLabel: former ?? null,
      toLabel: label,
      changedAt: at,
    });
  }

  async #requireChangesLeft(tx: Transaction, ownerId: string, at: Date): Promise<void> {
    const since = new Date(at.getTime() - changeSpanMs);
    const [made] = await tx
      .select({ changes: count() })
      .from(labelChanges)
      .where(and(eq(labelChanges.ownerId, ownerId), gt(labelChanges.changedAt, since)));
    if ((made?.changes ?? 0) >= this.#limits.changesPerDay) {
      throw new TunnelError(
        'name.changes',
        `this owner changed names ${this.#limits.changesPerDay} times within a day, as often as one may: try again tomorrow`,
      );
    }
  }

  async changeSwitches(serverId: string, change: SwitchChange): Promise<Server> {
    return inTransaction(this.#queries, async (tx) => {
      const server = await lockLiving(tx, serverId);
      const { product, lifted, ...others } = changedSwitches(server.switches, change);
      const columns = { ...others, product: product ?? null, lifted: [...lifted] };
      await tx.update(servers).set(columns).where(eq(servers.id, serverId));
      await announceServer(tx, serverId);
      return (await selectServer(tx, serverId)) ?? server;
    });
  }

  async revoke(serverId: string): Promise<Server | undefined> {
    return inTransaction(this.#queries, async (tx) => {
      const server = await selectServer(tx, serverId);
      if (server === undefined) {
        return undefined;
      }
      await lockOwner(tx, server.ownerId);
      const at = this.#now();
      await tx
        .update(servers)
        .set({ revokedAt: at })
        .where(and(eq(servers.id, server.id), isNull(servers.revokedAt)));
      await releaseLabel(tx, server.id, at, this.#limits);
      await tx
        .update(agents)
        .set({ revokedAt: at })
        .where(and(eq(agents.serverId, server.id), isNull(agents.revokedAt)));
      await tx.delete(serverFindings).where(eq(serverFindings.serverId, server.id));
      await dropDomainsOf(tx, server.id, at);
      await announceServer(tx, server.id);
      return selectServer(tx, server.id);
    });
  }

  /** A second suspension is the same one with another reason. */
  async suspend(serverId: string, reason: string): Promise<Server> {
    return this.#mark(serverId, (former) => ({
      suspendedAt: former.suspension?.since ?? this.#now(),
      suspensionReason: reason,
    }));
  }

  async resume(serverId: string): Promise<Server> {
    return this.#mark(serverId, () => ({ suspendedAt: null, suspensionReason: null }));
  }

  async #mark(serverId: string, columnsOf: (former: Server) => SuspensionColumns): Promise<Server> {
    return inTransaction(this.#queries, async (tx) => {
      const former = await lockLiving(tx, serverId);
      await tx.update(servers).set(columnsOf(former)).where(eq(servers.id, serverId));
      await announceServer(tx, serverId);
      return (await selectServer(tx, serverId)) ?? former;
    });
  }

  async transfer(serverId: string, ownerId: string): Promise<Server> {
    return inTransaction(this.#queries, async (tx) => {
      const server = await lockLiving(tx, serverId);
      if (server.ownerId === ownerId) return server;
      await giveAway(tx, { server, ownerId, at: this.#now(), limits: this.#limits });
      return (await selectServer(tx, serverId)) ?? server;
    });
  }

  /** Never back in time: two processes may report in either order. */
  async touch(serverId: string, seenAt: Date): Promise<void> {
    await this.#queries
      .update(servers)
      .set({ lastSeenAt: seenAt })
      .where(
        and(
          eq(servers.id, serverId),
          or(isNull(servers.lastSeenAt), lt(servers.lastSeenAt, seenAt)),
        ),
      );
  }

  async nextEpoch(): Promise<bigint> {
    const { rows } = await this.#queries.execute<{ epoch: string }>(
      sql`SELECT nextval(${linkEpoch.seqName}::regclass) AS epoch`,
    );
    return BigInt(rows[0]?.epoch ?? 0);
  }

  async watch(onChange: (serverId: string | undefined) => void): Promise<() => Promise<void>> {
    const stop = await this.#changes.listen(serverChannel, onChange);
    return async () => stop();
  }
}

interface SuspensionColumns {
  readonly suspendedAt: Date | null;
  readonly suspensionReason: string | null;
}

const refusals = {
  'name.taken': (label: string) => `${label} is taken: choose another name`,
  'name.quarantined': (label: string) =>
    `${label} was given up by another owner not long ago and stays closed for a while: choose another name`,
};

/** With its owner, so that nothing of the owner's changes meanwhile. @throws TunnelError server.unknown */
export async function lockLiving(tx: Transaction, serverId: string): Promise<Server> {
  const found = await selectServer(tx, serverId);
  if (found !== undefined) {
    await lockOwner(tx, found.ownerId);
    const server = await selectServer(tx, serverId);
    if (server !== undefined && server.revokedAt === undefined) {
      return server;
    }
  }
  throw new TunnelError(
    'server.unknown',
    `there is no server ${serverId}, or it was revoked: "phlix-hub servers list" shows those there are`,
  );
}
