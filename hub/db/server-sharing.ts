// Who asks for servers arrives; the rows that he may see leave, and with whom they are shared. Implements the port of hub/tunnels/sharing.ts.

import type { Server } from '../tunnels/server.ts';
import type { Member, Reach, ServerSharing } from '../tunnels/sharing.ts';
import { accounts, serverMembers } from './account-tables.ts';
import type { Database, Queries } from './connect.ts';
import { and, eq, gt, isNull, ne, or, sql } from './drizzle.ts';
import { announceServer } from './label-claims.ts';
import { servers } from './schema.ts';
import { selectServers } from './server-rows.ts';
import { inTransaction } from './transaction.ts';
import { isUuid } from './uuid.ts';

export class PostgresServerSharing implements ServerSharing {
  readonly #queries: Queries;
  readonly #keyOf: (username: string) => string;
  readonly #now: () => Date;

  /** `keyOf`: how accounts are looked up by name. */
  constructor(
    database: Pick<Database, 'queries'>,
    options: { keyOf: (username: string) => string; now?: () => Date },
  ) {
    this.#queries = database.queries;
    this.#keyOf = options.keyOf;
    this.#now = options.now ?? (() => new Date());
  }

  async list(
    reach: Reach,
    { after, limit }: { after: string | undefined; limit: number },
  ): Promise<Server[]> {
    const isBehind = after === undefined || !isUuid(after) ? undefined : gt(servers.id, after);
    const where = and(isNull(servers.revokedAt), this.#within(reach), isBehind);
    return selectServers(this.#queries, where, limit);
  }

  async isMember(serverId: string, accountId: string): Promise<boolean> {
    if (!isUuid(serverId) || !isUuid(accountId)) return false;
    const rows = await this.#queries
      .select({ since: serverMembers.since })
      .from(serverMembers)
      .where(isMembership(serverId, accountId));
    return rows.length > 0;
  }

  async members(serverId: string): Promise<Member[]> {
    if (!isUuid(serverId)) return [];
    return this.#queries
      .select({
        accountId: serverMembers.accountId,
        username: accounts.username,
        since: serverMembers.since,
      })
      .from(serverMembers)
      .innerJoin(accounts, eq(accounts.id, serverMembers.accountId))
      .where(eq(serverMembers.serverId, serverId))
      .orderBy(accounts.key);
  }

  async addMember(serverId: string, username: string): Promise<Member | undefined> {
    // As it was typed; PostgreSQL has no NUL, and so nobody is called so.
    if (username.includes('\0')) return undefined;
    return inTransaction(this.#queries, async (tx) => {
      const [account] = await tx
        .select({ id: accounts.id, username: accounts.username })
        .from(accounts)
        .innerJoin(servers, eq(servers.id, serverId))
        .where(and(eq(accounts.key, this.#keyOf(username)), ne(accounts.ownerId, servers.ownerId)));
      if (account === undefined) return undefined;
      const member = { serverId, accountId: account.id, since: this.#now() };
      const [made] = await tx
        .insert(serverMembers)
        .values(member)
        .onConflictDoNothing()
        .returning();
      const [kept] =
        made === undefined
          ? await tx.select().from(serverMembers).where(isMembership(serverId, account.id))
          : [made];
      await announceServer(tx, serverId);
      return { accountId: account.id, username: account.username, since: (kept ?? member).since };
    });
  }

  async removeMember(serverId: string, accountId: string): Promise<boolean> {
    if (!isUuid(serverId) || !isUuid(accountId)) return false;
    return inTransaction(this.#queries, async (tx) => {
      const removed = await tx
        .delete(serverMembers)
        .where(isMembership(serverId, accountId))
        .returning({ since: serverMembers.since });
      // Whoever watches it in a browser is asked anew whether he may.
      if (removed.length > 0) await announceServer(tx, serverId);
      return removed.length > 0;
    });
  }

  #within(reach: Reach): ReturnType<typeof or> {
    if (reach === 'all') return undefined;
    const { ownerId, accountId } = reach;
    if (!isUuid(accountId)) return eq(servers.ownerId, ownerId);
    const shared = sql`EXISTS (SELECT 1 FROM ${serverMembers} WHERE ${serverMembers.serverId} = ${servers.id} AND ${serverMembers.accountId} = ${accountId})`;
    return or(eq(servers.ownerId, ownerId), shared);
  }
}

function isMembership(serverId: string, accountId: string): ReturnType<typeof and> {
  return and(eq(serverMembers.serverId, serverId), eq(serverMembers.accountId, accountId));
}
