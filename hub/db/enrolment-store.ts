// Tokens and enrolments arrive; rows leave, each enrolment in one transaction. Implements the port of hub/tunnels/enrolment-store.ts.

import { accounts } from './account-tables.ts';
import { and, desc, eq, gt, isNotNull, isNull, ne, notInArray, sql } from './drizzle.ts';
import type {
  EnrolmentStore,
  EnrolmentTransaction,
  LabelClaim,
  OpenToken,
  TokenRecord,
} from '../tunnels/enrolment-store.ts';
import { defaultNameLimits, type NameLimits } from '../tunnels/limits.ts';
import type { Server } from '../tunnels/server.ts';
import { maxKeysInSuccession } from '../../shared/wire/limits.ts';
import type { Database, Queries } from './connect.ts';
import { announceServer, claimLabel, lockOwner } from './label-claims.ts';
import { agents, enrolmentTokens, servers } from './schema.ts';
import { selectAgent, selectServer } from './server-rows.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresEnrolmentStore implements EnrolmentStore {
  readonly #queries: Queries;
  readonly #limits: NameLimits;

  constructor(database: Pick<Database, 'queries'>, options: { limits?: NameLimits } = {}) {
    this.#queries = database.queries;
    this.#limits = options.limits ?? defaultNameLimits;
  }

  async insertToken(token: TokenRecord): Promise<void> {
    await this.#queries.insert(enrolmentTokens).values(token);
  }

  async listTokens(now: Date, ownerId?: string): Promise<OpenToken[]> {
    const rows = await this.#queries
      .select(openColumns)
      .from(enrolmentTokens)
      .where(and(isUnused(ownerId), gt(enrolmentTokens.expiresAt, now), hasServer))
      .orderBy(desc(enrolmentTokens.createdAt), desc(enrolmentTokens.id));
    return rows.map(openTokenOf);
  }

  async removeToken(id: string, ownerId?: string): Promise<OpenToken | undefined> {
    const [row] = await this.#queries
      .delete(enrolmentTokens)
      .where(and(eq(enrolmentTokens.id, id), isUnused(ownerId)))
      .returning(openColumns);
    return row && openTokenOf(row);
  }

  transaction<Result>(work: (tx: EnrolmentTransaction) => Promise<Result>): Promise<Result> {
    return inTransaction(this.#queries, (tx) => work(enrolmentTransaction(tx, this.#limits)));
  }
}

const openColumns = {
  id: enrolmentTokens.id,
  ownerId: enrolmentTokens.ownerId,
  serverId: enrolmentTokens.serverId,
  label: enrolmentTokens.label,
  cidr: enrolmentTokens.cidr,
  createdAt: enrolmentTokens.createdAt,
  expiresAt: enrolmentTokens.expiresAt,
};

type TokenRow = typeof enrolmentTokens.$inferSelect;

function openTokenOf<Row extends Pick<TokenRow, 'serverId' | 'label' | 'cidr'>>(row: Row) {
  const { serverId, label, cidr } = row;
  return {
    ...row,
    serverId: serverId ?? undefined,
    label: label ?? undefined,
    cidr: cidr ?? undefined,
  };
}

function isUnused(ownerId: string | undefined) {
  const isHis = ownerId === undefined ? undefined : eq(enrolmentTokens.ownerId, ownerId);
  return and(isNull(enrolmentTokens.usedAt), isHis);
}

/** One for a server that was revoked, or given away since, opens nothing. */
const hasServer = sql`(${enrolmentTokens.serverId} IS NULL OR EXISTS (
  SELECT FROM ${servers} WHERE ${servers.id} = ${enrolmentTokens.serverId}
    AND ${servers.ownerId} = ${enrolmentTokens.ownerId} AND ${servers.revokedAt} IS NULL))`;

function enrolmentTransaction(tx: Transaction, limits: NameLimits): EnrolmentTransaction {
  return {
    lockToken: (id) => lockToken(tx, id),
    useToken: async (id, agentId, at) => {
      const use = { usedAt: at, usedBy: agentId };
      await tx.update(enrolmentTokens).set(use).where(eq(enrolmentTokens.id, id));
    },
    findAgent: (agentId) => selectAgent(tx, agentId),
    findServer: (serverId) => lockServer(tx, serverId),
    mayHaveServers: async (ownerId) => mayHaveServers(tx, ownerId),
    insertServer: async ({ id, ownerId, name, at }) => {
      await tx.insert(servers).values({ id, ownerId, name, createdAt: at });
    },
    giveKey: (key) => giveKey(tx, key),
    succeedKey: (key) => giveKey(tx, key),
    claimLabel: async (claim: LabelClaim) => {
      await lockOwner(tx, claim.ownerId);
      return claimLabel(tx, claim, limits);
    },
  };
}

async function mayHaveServers(tx: Transaction, ownerId: string): Promise<boolean> {
  const mayHave = and(
    eq(accounts.ownerId, ownerId),
    eq(accounts.state, 'active'),
    ne(accounts.role, 'member'),
  );
  const found = await tx.select({ id: accounts.id }).from(accounts).where(mayHave);
  return found.length > 0;
}

async function lockToken(tx: Transaction, id: string): Promise<TokenRecord | undefined> {
  // As it came over the wire: it may hold bytes that PostgreSQL takes in no text.
  if (!/^[0-9A-Za-z]+$/.test(id)) {
    return undefined;
  }
  const [row] = await tx
    .select()
    .from(enrolmentTokens)
    .where(eq(enrolmentTokens.id, id))
    .for('update');
  return (
    row && {
      ...openTokenOf(row),
      usedAt: row.usedAt ?? undefined,
      usedBy: row.usedBy ?? undefined,
    }
  );
}

/** Held until the transaction ends, so that it cannot be revoked while it is given a key and a name. */
async function lockServer(tx: Transaction, serverId: string): Promise<Server | undefined> {
  const found = await selectServer(tx, serverId);
  if (found === undefined) {
    return undefined;
  }
  await tx.select().from(servers).where(eq(servers.id, serverId)).for('no key update');
  return selectServer(tx, serverId);
}

async function giveKey(
  tx: Transaction,
  key: Parameters<EnrolmentTransaction['giveKey']>[0] &
    Partial<Parameters<EnrolmentTransaction['succeedKey']>[0]>,
): Promise<boolean> {
  await tx
    .update(agents)
    .set({ revokedAt: key.at })
    .where(and(eq(agents.serverId, key.serverId), isNull(agents.revokedAt)));
  const given = await tx
    .insert(agents)
    .values({
      agentId: key.agentId,
      publicKey: key.publicKey,
      serverId: key.serverId,
      createdAt: key.at,
      replaces: key.replaces ?? null,
      replacesEpoch: key.epoch ?? null,
    })
    .onConflictDoNothing()
    .returning({ agentId: agents.agentId });
  await forgetOldKeys(tx, key.serverId);
  await announceServer(tx, key.serverId);
  return given.length > 0;
}

/** Of a server's former keys, so that their holders can be told that another took their place. Four times what an agent presents. */
const formerKeysKept = 4 * maxKeysInSuccession;

async function forgetOldKeys(tx: Transaction, serverId: string): Promise<void> {
  const ofServer = and(eq(agents.serverId, serverId), isNotNull(agents.revokedAt));
  const kept = tx
    .select({ agentId: agents.agentId })
    .from(agents)
    .where(ofServer)
    .orderBy(desc(agents.revokedAt), desc(agents.createdAt))
    .limit(formerKeysKept);
  // A token keeps the key that it was used by.
  const redeemed = tx
    .select({ agentId: enrolmentTokens.usedBy })
    .from(enrolmentTokens)
    .where(isNotNull(enrolmentTokens.usedBy));
  await tx
    .delete(agents)
    .where(and(ofServer, notInArray(agents.agentId, kept), notInArray(agents.agentId, redeemed)));
}
