// TXT records arrive from the process that proves a name and leave to every responder. Implements the port of hub/certificates/dns/txt-records.ts.

import type { TxtRecord } from '../certificates/dns/provider.ts';
import type { TxtRecordStore } from '../certificates/dns/txt-records.ts';
import type { ChangeListener } from './change-listener.ts';
import type { Database, Queries } from './connect.ts';
import { and, eq, gt, lt, sql } from './drizzle.ts';
import { txtRecords } from './schema.ts';
import { inTransaction, type Transaction } from './transaction.ts';

export class PostgresTxtRecordStore implements TxtRecordStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;
  readonly #now: () => Date;

  constructor(database: Pick<Database, 'queries' | 'changes'>, options: { now?: () => Date } = {}) {
    this.#queries = database.queries;
    this.#changes = database.changes;
    this.#now = options.now ?? (() => new Date());
  }

  async put({ name, value }: TxtRecord, expiresAt: Date): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      // What a process left behind that died before it could clean up.
      await tx.delete(txtRecords).where(lt(txtRecords.expiresAt, this.#now()));
      await tx
        .insert(txtRecords)
        .values({ name, value, expiresAt })
        .onConflictDoUpdate({ target: [txtRecords.name, txtRecords.value], set: { expiresAt } });
      await announce(tx);
    });
  }

  async remove({ name, value }: TxtRecord): Promise<void> {
    await inTransaction(this.#queries, async (tx) => {
      const isThis = and(eq(txtRecords.name, name), eq(txtRecords.value, value));
      await tx.delete(txtRecords).where(isThis);
      await announce(tx);
    });
  }

  async list(): Promise<TxtRecord[]> {
    return this.#queries
      .select({ name: txtRecords.name, value: txtRecords.value })
      .from(txtRecords)
      .where(gt(txtRecords.expiresAt, this.#now()));
  }

  async watch(onChange: () => void): Promise<() => Promise<void>> {
    const stop = await this.#changes.listen(channel, () => onChange());
    return async () => stop();
  }
}

const channel = 'phlix_txt_records';

async function announce(tx: Transaction): Promise<void> {
  await tx.execute(sql`SELECT pg_notify(${channel}, '')`);
}
