// An account that goes, or may do less, arrives; every process is told which logins and tokens no longer stand for what they did.

import { sql } from '../drizzle.ts';
import { tokensEnded } from '../tokens/token-store.ts';
import type { Transaction } from '../transaction.ts';
import { loginsEnded } from './login-store.ts';

/** Before their rows go. Whoever is cut off and may still come in comes back, and is judged anew. */
export async function announceEnds(tx: Transaction, accountId: string): Promise<void> {
  await tx.execute(sql`
    SELECT pg_notify(${loginsEnded}, id::text) FROM logins WHERE account_id = ${accountId}::uuid`);
  await tx.execute(sql`
    SELECT pg_notify(${tokensEnded}, id) FROM access_tokens WHERE account_id = ${accountId}::uuid`);
}
