// Wishes that an agent looks at itself arrive and leave at every process on the same database, by NOTIFY. Implements WishPost of hub/tunnels/checkup.ts.

import type { WishPost } from '../tunnels/checkup.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { sql } from './drizzle.ts';

const channel = 'phlix_checkup_wishes';

export class PostgresWishPost implements WishPost {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor({ queries, changes }: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = queries;
    this.#changes = changes;
  }

  async tell(serverId: string): Promise<void> {
    await this.#queries.execute(sql`SELECT pg_notify(${channel}, ${serverId})`);
  }

  /** What was wished for while the connection was cut is not heard: who sees no answer presses again. */
  async listen(onWish: (serverId: string) => void): Promise<() => void> {
    return this.#changes.listen(channel, (serverId) => {
      if (serverId !== undefined) onWish(serverId);
    });
  }
}
