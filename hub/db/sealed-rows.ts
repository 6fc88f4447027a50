// Everything that the database holds sealed leaves here, wherever it lies; sealed anew it comes back, unless it has changed meanwhile.

import { Buffer } from 'node:buffer';

import { sealedSecretContext } from '../accounts/factors/pepper.ts';
import { totpContext } from '../accounts/factors/totp.ts';
import { ssoLoginContext } from '../accounts/sso/link.ts';
import { sealingContext as providerContext } from '../accounts/sso/provider.ts';
import { transactionContext } from '../accounts/sso/transaction.ts';
import { sealingContext as targetContext } from '../notices/targets/target.ts';
import type { Database, Queries } from './connect.ts';
import { DatabaseError } from './database-error.ts';
import { sql } from './drizzle.ts';

export interface SealedRow {
  /** Of its column: where it goes back to. */
  readonly column: SealedColumn;
  readonly key: string;
  /** What it was sealed for. */
  readonly context: string;
  readonly sealed: Buffer;
}

export interface SealedColumn {
  /** In the words of an operator. */
  readonly what: string;
  readonly table: string;
  readonly column: string;
  /** The table's primary key. */
  readonly key: string;
  /** Besides the key, what the context is made of. */
  readonly also?: string;
  /** Forgotten by itself within hours or days: whether it opens says nothing about the rest. */
  readonly isPassing?: boolean;
  readonly context: (key: string, also: string) => string;
}

/** A new column of sealed things belongs here: a test finds those that do not. */
export const sealedColumns: readonly SealedColumn[] = [
  {
    what: 'keys of certificates',
    table: 'certificates',
    column: 'sealed_key',
    key: 'id',
    context: (id) => id,
  },
  {
    what: 'accounts at authorities',
    table: 'authority_accounts',
    column: 'sealed_key',
    key: 'authority',
    context: (authority) => authority,
  },
  {
    what: 'authenticator apps',
    table: 'totp_secrets',
    column: 'sealed_secret',
    key: 'id',
    also: 'account_id',
    context: (id, accountId) => totpContext(accountId, id),
  },
  {
    what: 'secrets of the hub itself',
    table: 'sealed_secrets',
    column: 'sealed',
    key: 'name',
    context: sealedSecretContext,
  },
  {
    what: 'identity providers',
    table: 'sso_providers',
    column: 'sealed_secret',
    key: 'id',
    context: providerContext,
  },
  {
    what: 'sign-ins under way at identity providers',
    table: 'sso_transactions',
    column: 'sealed',
    key: 'secret_hash',
    isPassing: true,
    context: (hash) => transactionContext(bytesOf(hash)),
  },
  {
    what: 'logins by identity providers',
    table: 'sso_logins',
    column: 'sealed_id_token',
    key: 'login_id',
    isPassing: true,
    context: ssoLoginContext,
  },
  {
    what: 'targets of notices',
    table: 'notice_targets',
    column: 'sealed',
    key: 'id',
    context: targetContext,
  },
];

export class PostgresSealedRows {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  /** Whether anything at all is sealed. */
  async areThere(): Promise<boolean> {
    for (const column of sealedColumns) {
      const [first] = await this.#page(column, '', 1);
      if (first !== undefined) return true;
    }
    return false;
  }

  /** One of each column that lasts. */
  async samples(): Promise<SealedRow[]> {
    const lasting = sealedColumns.filter(({ isPassing }) => isPassing !== true);
    return (await Promise.all(lasting.map(async (column) => this.#page(column, '', 1)))).flat();
  }

  /** All of one column, a page at a time. */
  async *list(column: SealedColumn): AsyncGenerator<SealedRow> {
    let last = '';
    for (;;) {
      const page = await this.#page(column, last, pageLength);
      yield* page;
      const end = page.at(-1);
      if (end === undefined || page.length < pageLength) return;
      last = end.key;
    }
  }

  /** One at a time, over all processes, however long it takes. @throws DatabaseError database.in-use */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queries.transaction(async (tx) => {
      const { rows } = await tx.execute<{ is_held: boolean }>(
        sql`SELECT pg_try_advisory_xact_lock(hashtextextended('rotation of keys', 0)) AS is_held`,
      );
      if (rows[0]?.is_held === true) return work();
      throw new DatabaseError(
        'database.in-use',
        'another command is sealing everything anew: wait until it has ended',
      );
    });
  }

  /** Compare-and-set. False: it was removed, or sealed otherwise, since it was read. */
  async replace({ column, key, sealed }: SealedRow, next: Buffer): Promise<boolean> {
    const [table, name, keyName] = identifiers(column.table, column.column, column.key);
    const { rowCount } = await this.#queries.execute(sql`
      UPDATE ${table} SET ${name} = ${next}
      WHERE ${keyName}::text = ${key} AND ${name} = ${sealed}`);
    return rowCount === 1;
  }

  async remove({ column, key, sealed }: SealedRow): Promise<boolean> {
    const [table, name, keyName] = identifiers(column.table, column.column, column.key);
    const { rowCount } = await this.#queries.execute(sql`
      DELETE FROM ${table} WHERE ${keyName}::text = ${key} AND ${name} = ${sealed}`);
    return rowCount === 1;
  }

  async #page(column: SealedColumn, after: string, limit: number): Promise<SealedRow[]> {
    const [table, name, keyName, alsoName] = identifiers(
      column.table,
      column.column,
      column.key,
      column.also ?? column.key,
    );
    const { rows } = await this.#queries.execute<{ key: string; also: string; sealed: Buffer }>(sql`
      SELECT ${keyName}::text AS key, ${alsoName}::text AS also, ${name} AS sealed FROM ${table}
      WHERE ${name} IS NOT NULL AND ${keyName}::text COLLATE "C" > ${after}
      ORDER BY ${keyName}::text COLLATE "C" LIMIT ${limit}`);
    return rows.map(({ key, also, sealed }) => ({
      column,
      key,
      sealed,
      context: column.context(key, also),
    }));
  }
}

/** A few hundred kilobytes. */
const pageLength = 500;

function identifiers(...names: [string, string, string, ...string[]]) {
  return names.map((name) => sql.identifier(name));
}

/** PostgreSQL writes bytes as \x and hexadecimal digits. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex');
}
