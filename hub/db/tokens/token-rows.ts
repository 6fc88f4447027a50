// Rows of tokens arrive and leave as the domain knows them, for both stores that make or read some.

import { and, count, eq, lt, sql } from '../drizzle.ts';
import { isScope } from '../../accounts/tokens/scope.ts';
import type { Token, TokenRecord, TokenRoom } from '../../accounts/tokens/token.ts';
import { accessTokens } from '../token-tables.ts';
import type { Transaction } from '../transaction.ts';

export type TokenRow = typeof accessTokens.$inferSelect;

export function recordOf(row: TokenRow): TokenRecord {
  return { ...tokenOf(row), secretHash: row.secretHash };
}

/** Without its hash. A scope that this version does not know opens nothing. */
export function tokenOf(row: TokenRow): Token {
  return {
    id: row.id,
    kind: row.kind,
    accountId: row.accountId,
    name: row.name,
    scopes: row.scopes.filter(isScope),
    networks: row.networks,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    idleMs: row.idleMs ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
    lastUsedFrom: row.lastUsedFrom ?? undefined,
    app: row.app ?? undefined,
  };
}

/** Two at once count one after the other. False: there are `most` of this kind already. */
export async function insertToken(
  tx: Transaction,
  token: TokenRecord,
  { most, deadBefore }: TokenRoom,
): Promise<boolean> {
  const { accountId, kind } = token;
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${lockSpace}, hashtext(${accountId}))`);
  await tx
    .delete(accessTokens)
    .where(and(eq(accessTokens.accountId, accountId), lt(accessTokens.expiresAt, deadBefore)));
  const [held] = await tx
    .select({ count: count() })
    .from(accessTokens)
    .where(and(eq(accessTokens.accountId, accountId), eq(accessTokens.kind, kind)));
  if ((held?.count ?? 0) >= most) return false;
  await tx
    .insert(accessTokens)
    .values({ ...token, scopes: [...token.scopes], networks: [...token.networks] });
  return true;
}

/** Of advisory locks: one per room, so that none waits for another's. */
const lockSpace = 0x70_68_74;
