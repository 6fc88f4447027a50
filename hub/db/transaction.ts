// Work on several rows arrives; it leaves done, or not done at all: every transaction of the stores runs through here.

import { DatabaseError as ServerError } from 'pg';
import type { Queries } from './connect.ts';

export type Transaction = Parameters<Parameters<Queries['transaction']>[0]>[0];

/** Two renames that swap their names wait for each other; the server ends one of them, and its second try goes through. */
const attempts = 4;
const retryable = new Set(['40P01', '40001']);

export async function inTransaction<Result>(
  queries: Queries,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await queries.transaction(work);
    } catch (error) {
      if (attempt === attempts || !isRetryable(error)) {
        throw error;
      }
    }
  }
}

function isRetryable(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof ServerError && retryable.has(cause.code ?? '');
}
