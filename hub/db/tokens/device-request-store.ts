// Devices that ask to be let in arrive and leave as rows, each decided and fetched in one transaction. Implements the port of hub/accounts/tokens/device-request.ts.

import type {
  DeviceRequest,
  DeviceRequestRecord,
  DeviceRequestStore,
  OpenCounts,
  OpeningTransaction,
  RequestTransaction,
} from '../../accounts/tokens/device-request.ts';
import { isScope } from '../../accounts/tokens/scope.ts';
import type { Database, Queries } from '../connect.ts';
import { and, eq, gt, lt, sql } from '../drizzle.ts';
import { deviceRequests } from '../token-tables.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { insertToken } from './token-rows.ts';

/** Of an advisory lock: requests are opened one after the other, so that none slips past the counts. */
const openingLock = 0x70_68_64;

export class PostgresDeviceRequestStore implements DeviceRequestStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async opening<Result>(work: (tx: OpeningTransaction) => Promise<Result>): Promise<Result> {
    return inTransaction(this.#queries, async (tx) => {
      await tx.execute(sql`SELECT pg_advisory_xact_lock(${openingLock})`);
      return work(openingTransaction(tx));
    });
  }

  async transaction<Result>(work: (tx: RequestTransaction) => Promise<Result>): Promise<Result> {
    return inTransaction(this.#queries, async (tx) => work(requestTransaction(tx)));
  }

  async find(userCodeHash: Buffer): Promise<DeviceRequest | undefined> {
    const [row] = await this.#queries
      .select()
      .from(deviceRequests)
      .where(eq(deviceRequests.userCodeHash, userCodeHash));
    return row === undefined ? undefined : requestOf(row);
  }
}

function openingTransaction(tx: Transaction): OpeningTransaction {
  return {
    forget: async (expiredBefore) => {
      await tx.delete(deviceRequests).where(lt(deviceRequests.expiresAt, expiredBefore));
    },
    countOpen: async (asker, now) => countOpen(tx, asker, now),
    removeOldest: async (network) => {
      await tx.execute(sql`
        DELETE FROM ${deviceRequests} WHERE ${deviceRequests.id} = (
          SELECT id FROM ${deviceRequests} WHERE network = ${network} AND state = 'open'
          ORDER BY created_at LIMIT 1)`);
    },
    insert: async (request) => insertRequest(tx, request),
  };
}

function requestTransaction(tx: Transaction): RequestTransaction {
  return {
    lock: async (by) => {
      const which =
        'deviceCodeHash' in by
          ? eq(deviceRequests.deviceCodeHash, by.deviceCodeHash)
          : eq(deviceRequests.userCodeHash, by.userCodeHash);
      const [row] = await tx.select().from(deviceRequests).where(which).for('update');
      return row === undefined ? undefined : requestOf(row);
    },
    change: async (id, change) => {
      await tx.update(deviceRequests).set(change).where(eq(deviceRequests.id, id));
    },
    insertToken: async (token, room) => insertToken(tx, token, room),
  };
}

async function countOpen(
  tx: Transaction,
  asker: { bucket: string; network: string },
  now: Date,
): Promise<OpenCounts> {
  const open = and(eq(deviceRequests.state, 'open'), gt(deviceRequests.expiresAt, now));
  const [counts] = await tx
    .select({
      hub: sql<number>`count(*)::integer`,
      bucket: sql<number>`count(*) FILTER (WHERE ${deviceRequests.bucket} = ${asker.bucket})::integer`,
      network: sql<number>`count(*) FILTER (WHERE ${deviceRequests.network} = ${asker.network})::integer`,
    })
    .from(deviceRequests)
    .where(open);
  const [heaviest] = await tx
    .select({ network: deviceRequests.network, count: sql<number>`count(*)::integer` })
    .from(deviceRequests)
    .where(open)
    .groupBy(deviceRequests.network)
    .orderBy(sql`count(*) DESC`)
    .limit(1);
  return { hub: 0, bucket: 0, network: 0, ...counts, heaviest };
}

async function insertRequest(tx: Transaction, request: DeviceRequestRecord): Promise<boolean> {
  const inserted = await tx
    .insert(deviceRequests)
    .values({ ...request, scopes: [...request.scopes] })
    .onConflictDoNothing()
    .returning({ id: deviceRequests.id });
  return inserted.length > 0;
}

/** Without what is only there to be looked up and counted by. */
function requestOf(row: typeof deviceRequests.$inferSelect): DeviceRequest {
  return {
    id: row.id,
    app: row.app,
    deviceName: row.deviceName,
    scopes: row.scopes.filter(isScope),
    address: row.address ?? undefined,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    state: row.state,
    accountId: row.accountId ?? undefined,
    intervalMs: row.intervalMs,
    polledAt: row.polledAt ?? undefined,
  };
}
