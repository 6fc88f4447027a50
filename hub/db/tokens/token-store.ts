// Tokens arrive and leave as rows; the end of one is told to every process. Implements the port of hub/accounts/tokens/token.ts.

import type {
  Token,
  TokenRecord,
  TokenRoom,
  TokenStore,
  TokenUse,
} from '../../accounts/tokens/token.ts';
import type { ChangeListener } from '../change-listener.ts';
import type { Database, Queries } from '../connect.ts';
import { and, desc, eq, sql } from '../drizzle.ts';
import { accessTokens, deviceRequests } from '../token-tables.ts';
import { inTransaction, type Transaction } from '../transaction.ts';
import { isUuid } from '../uuid.ts';
import { insertToken, recordOf, tokenOf } from './token-rows.ts';

export const tokensEnded = 'tokens_ended';

export class PostgresTokenStore implements TokenStore {
  readonly #queries: Queries;
  readonly #changes: ChangeListener;

  constructor(database: Pick<Database, 'queries' | 'changes'>) {
    this.#queries = database.queries;
    this.#changes = database.changes;
  }

  async insert(token: TokenRecord, room: TokenRoom): Promise<boolean> {
    return inTransaction(this.#queries, async (tx) => insertToken(tx, token, room));
  }

  async find(id: string): Promise<TokenRecord | undefined> {
    const [row] = await this.#queries.select().from(accessTokens).where(eq(accessTokens.id, id));
    return row === undefined ? undefined : recordOf(row);
  }

  async list(accountId: string): Promise<Token[]> {
    const rows = await this.#queries
      .select()
      .from(accessTokens)
      .where(eq(accessTokens.accountId, accountId))
      .orderBy(desc(accessTokens.createdAt), accessTokens.id);
    return rows.map(tokenOf);
  }

  async noteUse(id: string, { at, address }: TokenUse): Promise<void> {
    await this.#queries
      .update(accessTokens)
      .set({ lastUsedAt: at, lastUsedFrom: address ?? null })
      .where(eq(accessTokens.id, id));
  }

  async rename(accountId: string, id: string, name: string): Promise<Token | undefined> {
    const [row] = await this.#queries
      .update(accessTokens)
      .set({ name })
      .where(ownToken(accountId, id))
      .returning();
    return row === undefined ? undefined : tokenOf(row);
  }

  async remove(accountId: string, id: string): Promise<Token | undefined> {
    return inTransaction(this.#queries, async (tx) => {
      const [row] = await tx.delete(accessTokens).where(ownToken(accountId, id)).returning();
      if (row === undefined) return undefined;
      await announceEnd(tx, row.id);
      return tokenOf(row);
    });
  }

  async removeAll(accountId: string): Promise<string[]> {
    if (!isUuid(accountId)) return [];
    return inTransaction(this.#queries, async (tx) => {
      // First: a device that fetches at this moment finds nothing, or has its token removed below.
      await tx.delete(deviceRequests).where(eq(deviceRequests.accountId, accountId));
      const rows = await tx
        .delete(accessTokens)
        .where(eq(accessTokens.accountId, accountId))
        .returning({ id: accessTokens.id });
      for (const { id } of rows) await announceEnd(tx, id);
      return rows.map(({ id }) => id);
    });
  }

  async watch(onEnded: (id: string | undefined) => void): Promise<() => void> {
    return this.#changes.listen(tokensEnded, onEnded);
  }
}

function ownToken(accountId: string, id: string): ReturnType<typeof and> {
  return and(eq(accessTokens.id, id), eq(accessTokens.accountId, accountId));
}

async function announceEnd(tx: Transaction, id: string): Promise<void> {
  await tx.execute(sql`SELECT pg_notify(${tokensEnded}, ${id})`);
}
