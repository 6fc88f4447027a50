// Invitations arrive; each leaves once as an account, and a member of the server it was for. Implements the port of hub/accounts/invitations.ts.

import type { Buffer } from 'node:buffer';

import type { Invitation, InvitationStore } from '../../accounts/invitations.ts';
import type { NewAccount } from '../../accounts/account.ts';
import { accounts, invitations, serverMembers } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, gt, lt, sql } from '../drizzle.ts';
import { servers } from '../schema.ts';
import { inTransaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { insertAccount } from './account-rows.ts';

export class PostgresInvitationStore implements InvitationStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(invitation: Invitation, secretHash: Buffer, now: Date): Promise<void> {
    await this.#queries.delete(invitations).where(lt(invitations.expiresAt, now));
    await this.#queries.insert(invitations).values({ ...invitation, secretHash });
  }

  async list(now: Date, invitedBy?: string): Promise<Invitation[]> {
    const rows = await this.#queries
      .select()
      .from(invitations)
      .where(
        and(
          isOpen(now),
          invitedBy === undefined ? undefined : eq(invitations.invitedBy, invitedBy),
        ),
      )
      .orderBy(desc(invitations.createdAt), desc(invitations.id));
    return rows.map(invitationOf);
  }

  async find(secretHash: Buffer, now: Date): Promise<Invitation | undefined> {
    const [row] = await this.#queries
      .select()
      .from(invitations)
      .where(and(eq(invitations.secretHash, secretHash), isOpen(now)));
    return row && invitationOf(row);
  }

  async remove(id: string, invitedBy?: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    const removed = await this.#queries
      .delete(invitations)
      .where(
        and(
          eq(invitations.id, id),
          invitedBy === undefined ? undefined : eq(invitations.invitedBy, invitedBy),
        ),
      );
    return removed.rowCount === 1;
  }

  async redeem(id: string, made: NewAccount, now: Date): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => {
      const [spent] = await tx
        .delete(invitations)
        .where(and(eq(invitations.id, id), isOpen(now)))
        .returning({ serverId: invitations.serverId });
      if (spent === undefined) return false;
      await insertAccount(tx, made);
      if (spent.serverId !== null) {
        const { serverId } = spent;
        await tx.insert(serverMembers).values({ serverId, accountId: made.account.id, since: now });
      }
      return true;
    });
  }
}

/** Whoever made it could make it now: an admin who is none any more has left no way back in, nor has an owner. */
function isOpen(now: Date) {
  const ownsServer = sql`EXISTS (
    SELECT FROM ${servers} WHERE ${servers.id} = ${invitations.serverId}
      AND ${servers.ownerId} = ${accounts.ownerId} AND ${servers.revokedAt} IS NULL)`;
  const mayInvite = sql`(${invitations.invitedBy} IS NULL OR EXISTS (
    SELECT FROM ${accounts} WHERE ${accounts.id} = ${invitations.invitedBy}
      AND ${accounts.state} = 'active'
      AND (${accounts.role} = 'admin' OR (${accounts.role} = 'owner' AND ${ownsServer}))))`;
  return and(gt(invitations.expiresAt, now), mayInvite);
}

function invitationOf(row: typeof invitations.$inferSelect): Invitation {
  return {
    id: row.id,
    role: row.role,
    serverId: row.serverId ?? undefined,
    email: row.email ?? undefined,
    invitedBy: row.invitedBy ?? undefined,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
  };
}
