// Words of one process arrive and leave at every other one on the same database, by NOTIFY. Implements NeighbourPost of hub/usage/neighbours.ts.

import type { NeighbourPost } from '../../usage/neighbours.ts';
import type { ChangeListener } from '../change-listener.ts';
import type { Database, Queries } from '../connect.ts';
import { sql } from '../drizzle.ts';

const channel = 'phlix_neighbours';

export class PostgresNeighbourPost implements NeighbourPost {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor({ queries, changes }: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = queries;
    this.#changes = changes;
  }

  async tell(text: string): Promise<void> {
    await this.#queries.execute(sql`SELECT pg_notify(${channel}, ${text})`);
  }

  /** What was said while the connection was cut is not heard; that there was such a while is told. */
  async listen(onText: (text: string | undefined) => void): Promise<() => void> {
    return this.#changes.listen(channel, onText);
  }
}
