// What a look or a command failed with arrives; what the database had to do with it leaves, without a word of the query.

import { DrizzleQueryError } from 'drizzle-orm';

import { codeOf, DatabaseError, isPassing, messageOf } from './database-error.ts';

export interface QueryFailure {
  /** The database gave no answer, or none in time. */
  readonly isSilence: boolean;
  readonly reason: string;
}

/** Undefined: it was no query that failed. */
export function queryFailure(error: unknown): QueryFailure | undefined {
  if (error instanceof DatabaseError)
    return { isSilence: error.code === 'database.unreachable', reason: error.message };
  if (!(error instanceof DrizzleQueryError)) return undefined;
  const { cause } = error;
  if (cause instanceof DatabaseError) return queryFailure(cause);
  // Without a SQLSTATE the server said nothing; query_canceled is a limit of time of our own.
  const code = codeOf(cause);
  const isSilence = isPassing(cause) || !/^[0-9A-Z]{5}$/.test(code) || code === '57014';
  return { isSilence, reason: messageOf(cause) };
}
