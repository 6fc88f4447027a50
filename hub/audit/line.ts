// What was noted arrives with the end of the chain; the next line of the audit log leaves, and a line read back leaves as what it says.

import { hash } from 'node:crypto';

import type { AuditEntry } from './audit.ts';
import { isEventName, type AuditEvent } from './event.ts';
import { cleanText, escapeInvisible } from './redaction.ts';

/** Where a chain stands: what the next line has to follow. Every record is one. */
export interface ChainHead {
  readonly seq: number;
  /** Of the last line; zeros before the first. */
  readonly hash: string;
}

export const beginning: ChainHead = { seq: 0, hash: '0'.repeat(64) };

/** A line of a file, as it also stands in the database. */
export interface AuditRecord {
  readonly at: Date;
  readonly seq: number;
  readonly event: AuditEvent;
  readonly actorId: string | undefined;
  /** The account's name; `host` and `system` stand here too. */
  readonly actorName: string | undefined;
  readonly address: string | undefined;
  readonly target: string | undefined;
  readonly server: string | undefined;
  readonly result: string | undefined;
  readonly method: string | undefined;
  readonly reason: string | undefined;
  readonly requestId: string | undefined;
  readonly hash: string;
}

/** The log's own notes have names of their own. */
export type LoggedEntry = Omit<AuditEntry, 'event'> & { readonly event: AuditEvent };

export interface Line {
  /** With its line feed. */
  readonly text: string;
  readonly record: AuditRecord;
}

export function entryLine(entry: LoggedEntry, at: Date, former: ChainHead): Line {
  const account = typeof entry.actor === 'object' ? entry.actor : undefined;
  const record = {
    at,
    seq: former.seq + 1,
    event: entry.event,
    actorId: clean(account?.id),
    actorName: clean(account?.name ?? (entry.actor as string | undefined)),
    address: clean(entry.address),
    target: clean(entry.target),
    server: clean(entry.server),
    result: entry.result,
    method: clean(entry.method),
    reason: clean(entry.reason),
    requestId: clean(entry.requestId),
  };
  const { actorId: id, actorName: name = null } = record;
  const fields = {
    ts: at.toISOString(),
    seq: record.seq,
    event: record.event,
    actor: id === undefined ? name : { id, name },
    actor_ip: record.address ?? null,
    target: record.target ?? null,
    server: record.server ?? null,
    result: record.result,
    method: record.method ?? null,
    reason: record.reason ?? null,
    rid: record.requestId ?? null,
  };
  return seal(fields, record, former);
}

/** The first line of a file: which chain it belongs to, and the SHA-256 of the file before, as `sha256sum` prints it. */
export function openLine(
  { chain, previousFileHash }: { chain: string; previousFileHash: string | undefined },
  at: Date,
  former: ChainHead,
): Line {
  return boundaryLine(
    'segment.open',
    { chain, prev_file_hash: previousFileHash ?? null },
    at,
    former,
  );
}

/** The last line of a file. */
export function closeLine(at: Date, former: ChainHead): Line {
  return boundaryLine('segment.close', { head: former.hash }, at, former);
}

function boundaryLine(
  event: 'segment.open' | 'segment.close',
  more: object,
  at: Date,
  former: ChainHead,
): Line {
  const seq = former.seq + 1;
  const record = { ...nothingElse, at, seq, event };
  return seal({ ts: at.toISOString(), seq, event, ...more }, record, former);
}

const nothingElse = {
  actorId: undefined,
  actorName: undefined,
  address: undefined,
  target: undefined,
  server: undefined,
  result: undefined,
  method: undefined,
  reason: undefined,
  requestId: undefined,
};

/** The hash is that of the line's own bytes up to it: whoever checks it needs no rules for writing JSON. */
function seal(fields: object, record: Omit<AuditRecord, 'hash'>, former: ChainHead): Line {
  const body = escapeInvisible(JSON.stringify({ ...fields, prev: former.hash }));
  const digest = hash('sha256', body, 'hex');
  return {
    text: `${body.slice(0, -1)},"hash":"${digest}"}\n`,
    record: { ...record, hash: digest },
  };
}

export interface ReadLine {
  readonly record: AuditRecord;
  readonly prev: string;
  /** That the line claims, and that its bytes have. */
  readonly isIntact: boolean;
  /** Of `segment.open`. */
  readonly chain: string | undefined;
  readonly previousFileHash: string | undefined;
  /** Of `segment.close`. */
  readonly closedHead: string | undefined;
}

/** Undefined: it is no line of an audit log. */
export function readLine(text: string): ReadLine | undefined {
  const end = hashAtEnd.exec(text);
  if (end === null) return undefined;
  const fields = parsed(text);
  const { ts, seq, event, prev } = fields ?? {};
  if (typeof ts !== 'string' || typeof event !== 'string' || !isEventName(event)) return undefined;
  if (typeof seq !== 'number' || typeof prev !== 'string' || fields === undefined) return undefined;
  const claimed = end[1] ?? '';
  return {
    record: recordOf(fields, { at: new Date(ts), seq, event, hash: claimed }),
    prev,
    isIntact: hash('sha256', `${text.slice(0, end.index)}}`, 'hex') === claimed,
    chain: textOf(fields['chain']),
    previousFileHash: textOf(fields['prev_file_hash']),
    closedHead: textOf(fields['head']),
  };
}

const hashAtEnd = /,"hash":"([0-9a-f]{64})"\}$/;

type Fields = Readonly<Record<string, unknown>>;

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function recordOf(
  fields: Fields,
  known: Pick<AuditRecord, 'at' | 'seq' | 'event' | 'hash'>,
): AuditRecord {
  const actor = fields['actor'];
  const account = typeof actor === 'object' && actor !== null ? (actor as Fields) : undefined;
  return {
    ...known,
    actorId: textOf(account?.['id']),
    actorName: textOf(account === undefined ? actor : account['name']),
    address: textOf(fields['actor_ip']),
    target: textOf(fields['target']),
    server: textOf(fields['server']),
    result: textOf(fields['result']),
    method: textOf(fields['method']),
    reason: textOf(fields['reason']),
    requestId: textOf(fields['rid']),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function clean(text: string | undefined): string | undefined {
  return text === undefined ? undefined : cleanText(text);
}
