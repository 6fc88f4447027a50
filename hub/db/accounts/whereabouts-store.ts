// Where a sign-in came from arrives, and leaves at the next one. Implements the port of hub/accounts/login/travel.ts.

import type { Whereabouts, WhereaboutsStore } from '../../accounts/login/travel.ts';
import { whereabouts } from '../account-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { eq } from '../drizzle.ts';

export class PostgresWhereaboutsStore implements WhereaboutsStore {
  readonly #queries: Queries;

  constructor({ queries }: Pick<Database, 'queries'>) {
    this.#queries = queries;
  }

  async find(accountId: string): Promise<Whereabouts | undefined> {
    const rows = await this.#queries
      .select()
      .from(whereabouts)
      .where(eq(whereabouts.accountId, accountId));
    const [row] = rows;
    if (row === undefined) return undefined;
    const { latitude, longitude, accuracyKm, at } = row;
    return { latitude, longitude, accuracyKm, at };
  }

  async put(accountId: string, there: Whereabouts): Promise<void> {
    await this.#queries
      .insert(whereabouts)
      .values({ accountId, ...there })
      .onConflictDoUpdate({ target: whereabouts.accountId, set: there });
  }
}
