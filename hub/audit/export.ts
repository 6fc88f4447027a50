// Entries of the audit log arrive; they leave as JSON and as lines of CSV, for programs that know neither chain nor files.

import type { ChainRecord } from './chain.ts';

export interface EntryJson {
  readonly ts: string;
  readonly seq: number;
  readonly event: string;
  readonly actor: { readonly id: string | null; readonly name: string | null } | null;
  readonly actor_ip: string | null;
  readonly target: string | null;
  readonly server: string | null;
  readonly result: string | null;
  readonly method: string | null;
  readonly reason: string | null;
  readonly rid: string | null;
  readonly hash: string;
}

export function entryJson(entry: ChainRecord): EntryJson {
  const { actorId, actorName } = entry;
  const isNobody = actorId === undefined && actorName === undefined;
  return {
    ts: entry.at.toISOString(),
    seq: entry.seq,
    event: entry.event,
    actor: isNobody ? null : { id: actorId ?? null, name: actorName ?? null },
    actor_ip: entry.address ?? null,
    target: entry.target ?? null,
    server: entry.server ?? null,
    result: entry.result ?? null,
    method: entry.method ?? null,
    reason: entry.reason ?? null,
    rid: entry.requestId ?? null,
    hash: entry.hash,
  };
}

export const csvHeading =
  'ts,seq,event,actor_id,actor,actor_ip,target,server,result,method,reason,rid,hash\r\n';

/** RFC 4180. */
export function csvLine(entry: ChainRecord): string {
  const { at, seq, event, actorId, actorName, address, target, server } = entry;
  const { result, method, reason, requestId, hash } = entry;
  const fields = [
    at.toISOString(),
    String(seq),
    event,
    actorId,
    actorName,
    address,
    target,
    server,
    result,
    method,
    reason,
    requestId,
    hash,
  ];
  return `${fields.map(field).join(',')}\r\n`;
}

/** A spreadsheet takes what begins like this for a formula, and runs it for whoever opens the file. */
const formula = /^[=+\-@\t\r]/;

function field(text = ''): string {
  const harmless = formula.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
