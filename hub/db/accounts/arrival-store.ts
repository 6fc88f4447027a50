// Places that people sign in from arrive; whether they are new leaves. Implements the port of hub/accounts/login/arrivals.ts.

import type { ArrivalStore } from '../../accounts/login/arrivals.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { inTransaction } from '../transaction.ts';
import { loginPlaces } from '../account-tables.ts';

/** Of one account. A traveller's years; the oldest are then news again. */
const mostPlaces = 200;

export class PostgresArrivalStore implements ArrivalStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async note(place: {
    accountId: string;
    network: string;
    software: string;
    at: Date;
  }): Promise<{ isNew: boolean; isFirst: boolean }> {
    const { accountId, network, software } = place;
    const at = place.at.toISOString();
    return inTransaction(this.#queries, async (tx) => {
      const before = await tx.execute<{ places: number }>(sql`
        SELECT count(*)::int AS places FROM ${loginPlaces} WHERE account_id = ${accountId}::uuid`);
      // Of a row that was there, xmax is this transaction.
      const { rows } = await tx.execute<{ is_new: boolean }>(sql`
        INSERT INTO ${loginPlaces} (account_id, network, software, first_at, last_at)
        VALUES (${accountId}::uuid, ${network}, ${software}, ${at}::timestamptz, ${at}::timestamptz)
        ON CONFLICT (account_id, network, software) DO UPDATE SET last_at = EXCLUDED.last_at
        RETURNING (xmax = 0) AS is_new`);
      await tx.execute(sql`
        DELETE FROM ${loginPlaces} WHERE account_id = ${accountId}::uuid AND last_at < (
          SELECT min(last_at) FROM (
            SELECT last_at FROM ${loginPlaces} WHERE account_id = ${accountId}::uuid
            ORDER BY last_at DESC LIMIT ${mostPlaces}) AS kept)`);
      return { isNew: rows[0]?.is_new === true, isFirst: before.rows[0]?.places === 0 };
    });
  }
}
