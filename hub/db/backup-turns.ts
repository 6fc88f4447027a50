// A backup that is due arrives at several processes; one of them makes it. Implements a port of hub/backup/scheduler.ts.

import type { BackupTurns } from '../backup/scheduler.ts';
import type { Database, Queries } from './connect.ts';
import { sql } from './drizzle.ts';
import { toldNotices } from './notice-tables.ts';

export class PostgresBackupTurns implements BackupTurns {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async take(due: Date, now: Date): Promise<boolean> {
    const patience = new Date(now.getTime() - retryMs);
    const rows = await this.#queries
      .insert(toldNotices)
      .values({ key: keyOf(due), toldAt: now })
      .onConflictDoUpdate({
        target: toldNotices.key,
        set: { toldAt: now },
        setWhere: sql`${toldNotices.toldAt} <= ${patience}`,
      })
      .returning({ key: toldNotices.key });
    return rows.length > 0;
  }

  /** Its row lies in the future until nobody asks for that day any more, and is forgotten with the others (alert-store.ts). */
  async settle(due: Date, now: Date): Promise<void> {
    const over = new Date(now.getTime() + dayMs);
    const told = { key: keyOf(due), toldAt: over };
    await this.#queries
      .insert(toldNotices)
      .values(told)
      .onConflictDoUpdate({ target: toldNotices.key, set: { toldAt: over } });
  }
}

/** A disk that was full at night is emptied by somebody in the morning. */
const retryMs = 3_600_000;
const dayMs = 24 * 3_600_000;

function keyOf(due: Date): string {
  return `backup ${due.toISOString()}`;
}
