// Orders at authorities arrive; the one that a limit leaves room for is written down, for as long as some limit counts it. Implements the port of hub/certificates/life/certificate.ts.

import { randomUUIDv7 } from 'node:crypto';

import type {
  OrderLog,
  OrderLook,
  OrderRecord,
  OrderRefusal,
} from '../certificates/life/certificate.ts';
import type { Database, Queries } from './connect.ts';
import { and, eq, gte, lt, ne, or, sql } from './drizzle.ts';
import { authorityOrders } from './schema.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresOrderLog implements OrderLog {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  open(
    record: Omit<OrderRecord, 'outcome'>,
    look: OrderLook,
    admit: (past: readonly OrderRecord[]) => OrderRefusal | undefined,
  ): Promise<string | OrderRefusal> {
    return inTransaction(this.#queries, async (tx) => {
      await tx.execute(
        sql`SELECT pg_advisory_xact_lock(${lockSpace}, hashtext(${record.authority}))`,
      );
      await closeLeft(tx, record.certificateId);
      const refusal = admit(await select(tx, record.authority, look));
      if (refusal !== undefined) return refusal;
      const id = randomUUIDv7();
      const names = [...record.names];
      await tx.insert(authorityOrders).values({ ...record, id, names, outcome: 'open' });
      await forgetOld(tx, record);
      return id;
    });
  }

  async close(id: string, outcome: 'issued' | 'failed'): Promise<void> {
    await this.#queries.update(authorityOrders).set({ outcome }).where(eq(authorityOrders.id, id));
  }

  since(authority: string, at: Date): Promise<OrderRecord[]> {
    return select(this.#queries, authority, { allSince: at, certificatesSince: at });
  }
}

/** Advisory locks of two numbers, the second for the authority; this first one is ours: "order" on a telephone's keys. */
const lockSpace = 67_337;

/** No published limit looks back further than a week; a month also answers an operator's question. */
const keptMs = 30 * 24 * 60 * 60 * 1000;

async function select(
  queries: Queries | Transaction,
  authority: string,
  { allSince, certificatesSince }: OrderLook,
): Promise<OrderRecord[]> {
  const isCertificate = and(
    gte(authorityOrders.at, certificatesSince),
    ne(authorityOrders.outcome, 'failed'),
    ne(authorityOrders.kind, 'replacement'),
  );
  const isAsked = or(gte(authorityOrders.at, allSince), isCertificate);
  const rows = await queries
    .select()
    .from(authorityOrders)
    .where(and(eq(authorityOrders.authority, authority), isAsked))
    .orderBy(authorityOrders.at, authorityOrders.id);
  return rows.map(({ certificateId, names, at, kind, outcome }) => ({
    certificateId,
    authority,
    names,
    at,
    kind,
    outcome,
  }));
}

async function closeLeft(tx: Transaction, certificateId: string): Promise<void> {
  const isLeft = and(
    eq(authorityOrders.certificateId, certificateId),
    eq(authorityOrders.outcome, 'open'),
  );
  await tx.update(authorityOrders).set({ outcome: 'failed' }).where(isLeft);
}

async function forgetOld(
  tx: Transaction,
  { authority, at }: Omit<OrderRecord, 'outcome'>,
): Promise<void> {
  const oldest = new Date(at.getTime() - keptMs);
  const isOver = and(eq(authorityOrders.authority, authority), lt(authorityOrders.at, oldest));
  await tx.delete(authorityOrders).where(isOver);
}
