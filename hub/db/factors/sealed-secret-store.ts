// Secrets of the hub as a whole arrive sealed and leave as they are stored. Implements the port of hub/accounts/factors/pepper.ts.

import type { Buffer } from 'node:buffer';

import type { SealedSecretStore } from '../../accounts/factors/pepper.ts';
import type { Database, Queries } from '../connect.ts';
import { DatabaseError } from '../database-error.ts';
import { and, eq } from '../drizzle.ts';
import { sealedSecrets } from '../factor-tables.ts';

export class PostgresSealedSecretStore implements SealedSecretStore {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async find(name: string): Promise<Buffer | undefined> {
    const [row] = await this.#queries
      .select({ sealed: sealedSecrets.sealed })
      .from(sealedSecrets)
      .where(eq(sealedSecrets.name, name));
    return row?.sealed;
  }

  async insert(name: string, sealed: Buffer): Promise<Buffer> {
    const values = { name, sealed, createdAt: new Date() };
    await this.#queries.insert(sealedSecrets).values(values).onConflictDoNothing();
    const stored = await this.find(name);
    if (stored !== undefined) return stored;
    throw new DatabaseError(
      'database.failed',
      `the ${name} was removed in the moment it was stored: the next attempt stores it again`,
    );
  }

  async replace(name: string, former: Buffer, sealed: Buffer): Promise<void> {
    await this.#queries
      .update(sealedSecrets)
      .set({ sealed })
      .where(and(eq(sealedSecrets.name, name), eq(sealedSecrets.sealed, former)));
  }
}
