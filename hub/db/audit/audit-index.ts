// Lines of the audit log arrive; they leave as rows, and the youngest that fit a question leave page by page. Implements hub/audit/audit-index.ts.

import { AuditError } from '../../audit/audit-error.ts';
import { isOwnActor } from '../../audit/audit.ts';
import type { AuditIndex, AuditPage, AuditQuery } from '../../audit/audit-index.ts';
import type { ChainRecord } from '../../audit/chain.ts';
import { isAuditEvent } from '../../audit/event.ts';
import { auditEntries } from '../audit-tables.ts';
import type { Database, Queries } from '../connect.ts';
import { and, count, desc, eq, gte, isNull, lt, or, sql } from '../drizzle.ts';
import { isUuid } from '../uuid.ts';

type Seqs = Readonly<{ first: number; last: number }>;
type Row = typeof auditEntries.$inferSelect;

export class PostgresAuditIndex implements AuditIndex {
  readonly #queries: Queries;

  constructor(database: Pick<Database, 'queries'>) {
    this.#queries = database.queries;
  }

  async insert(records: readonly ChainRecord[]): Promise<void> {
    if (records.length === 0) return;
    const rows = JSON.stringify(records.map(rowOf));
    await this.#queries.execute(sql`
      INSERT INTO audit_entries (${sql.raw(columns)})
      SELECT ${sql.raw(columns)} FROM json_populate_recordset(NULL::audit_entries, ${rows}::json)
      ON CONFLICT (chain, seq) DO NOTHING`);
  }

  async find(query: AuditQuery): Promise<AuditPage> {
    const rows = await this.#queries
      .select()
      .from(auditEntries)
      .where(conditionOf(query))
      .orderBy(desc(auditEntries.at), desc(auditEntries.seq), desc(auditEntries.chain))
      .limit(query.limit + 1);
    const items = rows.slice(0, query.limit).flatMap(recordOf);
    const last = rows[query.limit - 1];
    return {
      items,
      nextCursor: rows.length > query.limit && last !== undefined ? cursorOf(last) : undefined,
    };
  }

  async count(chain: string, seqs: Seqs): Promise<number> {
    const [row] = await this.#queries
      .select({ found: count() })
      .from(auditEntries)
      .where(within(chain, seqs));
    return row?.found ?? 0;
  }

  async hashes(chain: string, seqs: Seqs): Promise<ReadonlyMap<number, string>> {
    const { seq, hash } = auditEntries;
    const rows = await this.#queries
      .select({ seq, hash })
      .from(auditEntries)
      .where(within(chain, seqs));
    return new Map(rows.map((row) => [row.seq, row.hash]));
  }

  async last(chain: string): Promise<ChainRecord | undefined> {
    if (!isUuid(chain)) return undefined;
    const [row] = await this.#queries
      .select()
      .from(auditEntries)
      .where(eq(auditEntries.chain, chain))
      .orderBy(desc(auditEntries.seq))
      .limit(1);
    return row === undefined ? undefined : recordOf(row)[0];
  }

  async prune(before: Date): Promise<number> {
    const { rowCount } = await this.#queries
      .delete(auditEntries)
      .where(lt(auditEntries.at, before));
    return rowCount ?? 0;
  }
}

const columns =
  'chain, seq, at, event, actor_id, actor_name, address, target, server, result, method, reason, request_id, hash';

/** All rows in one parameter of JSON: a third of what arrays of columns cost this process. */
function rowOf(record: ChainRecord): object {
  return {
    chain: record.chain,
    seq: record.seq,
    at: record.at,
    event: record.event,
    actor_id: storable(record.actorId),
    actor_name: storable(record.actorName),
    address: storable(record.address),
    target: storable(record.target),
    server: storable(record.server),
    result: record.result,
    method: storable(record.method),
    reason: storable(record.reason),
    request_id: storable(record.requestId),
    hash: record.hash,
  };
}

/** PostgreSQL's text holds every character but this one, and no half of a pair of surrogates. */
function storable(text: string | undefined): string | undefined {
  return text?.toWellFormed().replaceAll('\0', '\uFFFD');
}

function within(chain: string, { first, last }: Seqs) {
  if (!isUuid(chain)) return sql`false`;
  return and(
    eq(auditEntries.chain, chain),
    gte(auditEntries.seq, first),
    lt(auditEntries.seq, last + 1),
  );
}

function conditionOf(query: AuditQuery) {
  const { at, event, address, server, target, result } = auditEntries;
  const { events, actor } = query;
  return and(
    events && or(...events.map((name) => (isAuditEvent(name) ? eq(event, name) : isIn(name)))),
    actor === undefined ? undefined : isBy(actor),
    query.address === undefined ? undefined : eq(address, query.address),
    query.server === undefined ? undefined : eq(server, query.server),
    query.target === undefined ? undefined : eq(target, query.target),
    query.result === undefined ? undefined : eq(result, query.result),
    query.from && gte(at, query.from),
    query.until && lt(at, query.until),
    query.cursor === undefined ? undefined : isBehind(query.cursor),
  );
}

function isBy(actor: string) {
  const { actorId, actorName } = auditEntries;
  const isNamed = eq(actorName, actor);
  return isOwnActor(actor) ? and(isNamed, isNull(actorId)) : or(isNamed, eq(actorId, actor));
}

/** An area, such as `login.`. */
function isIn(area: string) {
  return sql`starts_with(${auditEntries.event}, ${area})`;
}

/** Of the last row of the page before. */
function cursorOf({ at, seq, chain }: Row): string {
  return Buffer.from(`${at.getTime()} ${seq} ${chain}`).toString('base64url');
}

function isBehind(cursor: string) {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [, ms = '', seq, chain = ''] = /^(\d{1,15}) (\d{1,15}) ([0-9a-f-]{36})$/.exec(text) ?? [];
  const at = new Date(Number(ms));
  if (!isUuid(chain) || Number.isNaN(at.getTime())) {
    throw new AuditError(
      'audit.query',
      'This cursor is none that the hub gave: ask for the first page again, without a cursor.',
    );
  }
  return sql`(at, seq, chain) < (${at.toISOString()}::timestamptz, ${seq}::bigint, ${chain}::uuid)`;
}

/** Of an event that this version does not know, nothing: a newer hub may have written it into the same database. */
function recordOf({ event, ...row }: Row): ChainRecord[] {
  if (!isAuditEvent(event)) return [];
  return [
    {
      chain: row.chain,
      seq: row.seq,
      at: row.at,
      event,
      actorId: row.actorId ?? undefined,
      actorName: row.actorName ?? undefined,
      address: row.address ?? undefined,
      target: row.target ?? undefined,
      server: row.server ?? undefined,
      result: row.result ?? undefined,
      method: row.method ?? undefined,
      reason: row.reason ?? undefined,
      requestId: row.requestId ?? undefined,
      hash: row.hash,
    },
  ];
}
