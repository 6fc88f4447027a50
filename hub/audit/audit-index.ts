// What is asked of the audit log arrives; the port leaves by which a database answers it. Files are the log, this is how it is searched.

import type { ChainRecord } from './chain.ts';

export interface AuditQuery {
  /** Names such as `login.failed`, or whole areas such as `login.`; any of them. */
  readonly events?: readonly string[] | undefined;
  /** An account by id or name; `host` and `system` are those alone (AuditActor), and an account that is called so has its id. */
  readonly actor?: string | undefined;
  /** A server's id. */
  readonly server?: string | undefined;
  /** Canonical. */
  readonly address?: string | undefined;
  readonly target?: string | undefined;
  readonly result?: 'ok' | 'denied' | 'failed' | undefined;
  /** The first instant, and the first one that is too late. */
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
  /** As the page before gave it. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface AuditPage {
  /** Youngest first. */
  readonly items: readonly ChainRecord[];
  /** Undefined: there are no older ones. */
  readonly nextCursor: string | undefined;
}

/** Everything by (chain, seq): what is inserted twice is there once. */
export interface AuditIndex {
  insert(records: readonly ChainRecord[]): Promise<void>;
  /** @throws AuditError audit.query for a cursor that is none */
  find(query: AuditQuery): Promise<AuditPage>;
  /** How many of these it has. */
  count(chain: string, seqs: { first: number; last: number }): Promise<number>;
  /** By seq; for whoever compares them with the files. */
  hashes(
    chain: string,
    seqs: { first: number; last: number },
  ): Promise<ReadonlyMap<number, string>>;
  /** The youngest of a chain. */
  last(chain: string): Promise<ChainRecord | undefined>;
  /** Forgets what is older; how many were. */
  prune(before: Date): Promise<number>;
}

/** Pages of everything that fits, for exports, up to `most`. */
export async function* allOf(
  index: Pick<AuditIndex, 'find'>,
  query: Omit<AuditQuery, 'limit' | 'cursor'>,
  most: number,
): AsyncGenerator<ChainRecord> {
  let cursor: string | undefined;
  for (let given = 0; given < most;) {
    const limit = Math.min(exportPage, most - given);
    const page = await index.find({ ...query, cursor, limit });
    yield* page.items;
    given += page.items.length;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

const exportPage = 1000;
