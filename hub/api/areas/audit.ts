// An admin asks what happened; entries of the audit log leave, page by page, or all that fit as a file, or whether the log is whole.

import { z } from '@hono/zod-openapi';

import { parseAddress } from '../../../shared/net-address.ts';
import type { Audit } from '../../audit/audit.ts';
import { allOf, type AuditIndex, type AuditQuery } from '../../audit/audit-index.ts';
import { csvHeading, csvLine, entryJson } from '../../audit/export.ts';
import { auditEvents } from '../../audit/event.ts';
import type { Verification } from '../../audit/verify.ts';
import { ApiError } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageQuery } from '../operation/page.ts';

export interface AuditServices {
  readonly audit: Audit;
  readonly auditIndex: Pick<AuditIndex, 'find'>;
  /** Reads every file of the log: seconds for one that is full. */
  readonly verifyAudit: () => Promise<Verification>;
}

const entry = z
  .object({
    ts: z.string().openapi({ format: 'date-time' }),
    seq: z.number().int(),
    event: z.string(),
    actor: z.object({ id: z.string().nullable(), name: z.string().nullable() }).nullable().openapi({
      description:
        'Without `id` it is no account: `host` is the command line, `system` the hub itself.',
    }),
    actor_ip: z.string().nullable(),
    target: z.string().nullable(),
    server: z.string().nullable(),
    result: z.string().nullable(),
    method: z.string().nullable(),
    reason: z.string().nullable(),
    rid: z.string().nullable(),
    hash: z.string(),
  })
  .openapi('AuditEntry');

const isEvent = (text: string): boolean =>
  auditEvents.some((known) => (text.endsWith('.') ? known.startsWith(text) : known === text));

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const filter = z.object({
  event: z
    .string()
    .max(500)
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine(
      (names) => names.every(isEvent),
      'names no events: write login.failed, or login. for all',
    )
    .optional()
    .openapi({
      type: 'string',
      description: 'Names of events with commas between; one that ends with a dot is a whole area.',
      example: 'login.failed,ban.',
    }),
  actor: z.string().max(256).optional().openapi({
    description:
      'An account, by id or name; `host` and `system` are the hub’s own, never an account.',
  }),
  server: z.uuid().optional(),
  address: z.string().max(64).optional(),
  target: z.string().max(256).optional(),
  result: z.enum(['ok', 'denied', 'failed']).optional(),
  from: instant.optional().openapi({ type: 'string', format: 'date-time' }),
  until: instant.optional().openapi({ type: 'string', format: 'date-time' }),
});

const list = operation({
  id: 'audit.list',
  method: 'get',
  path: '/admin/audit',
  summary: 'What happened at this hub, youngest first',
  auth: 'admin',
  scope: 'audit:read',
  stepUp: 'none',
  query: pageQuery.extend(filter.shape),
  response: listOf(entry),
  async run(_caller, { query }, { auditIndex }: AuditServices) {
    const { cursor, limit, ...asked } = query;
    const page = await auditIndex.find({ ...queryOf(asked), cursor, limit });
    return { items: page.items.map(entryJson), next_cursor: page.nextCursor ?? null };
  },
});

/** Of more, a month at a time: nothing else bounds what one call costs. */
const mostExported = 1_000_000;

function exportAs(format: 'csv' | 'jsonl'): Operation<AuditServices> {
  return operation({
    id: `audit.export-${format}`,
    method: 'get',
    path: `/admin/audit/export.${format}`,
    summary: `Every entry that fits as ${format === 'csv' ? 'CSV' : 'lines of JSON'}, youngest first, a million at most`,
    auth: 'admin',
    scope: 'audit:read',
    stepUp: 'none',
    query: filter,
    produces: format === 'csv' ? 'text/csv' : 'application/jsonl',
    async run(caller, { query, signal }, { auditIndex, audit }: AuditServices) {
      const { account, address, kind, requestId } = caller;
      const actor = { id: account.id, name: account.username };
      const fact = { event: 'admin.audit-exported', actor, address, method: kind } as const;
      audit.note({ ...fact, target: format, result: 'ok', requestId });
      const day = new Date().toISOString().slice(0, 10);
      const content = ReadableStream.from(bytesOf(auditIndex, queryOf(query), { format, signal }));
      return { content, fileName: `audit-${day}.${format}` };
    },
  });
}

async function* bytesOf(
  index: Pick<AuditIndex, 'find'>,
  query: Omit<AuditQuery, 'limit'>,
  { format, signal }: { format: 'csv' | 'jsonl'; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = format === 'csv' ? csvHeading : '';
  for await (const each of allOf(index, query, mostExported)) {
    if (signal.aborted) return;
    text += format === 'csv' ? csvLine(each) : `${JSON.stringify(entryJson(each))}\n`;
    if (text.length < pieceLength) continue;
    yield encoder.encode(text);
    text = '';
  }
  if (text !== '') yield encoder.encode(text);
}

const pieceLength = 65_536;

const verification = z
  .object({
    files: z.number().int(),
    lines: z.number().int(),
    trimmed: z.number().int(),
    breaks: z.array(
      z.object({
        file: z.string().nullable(),
        line: z.number().int().nullable(),
        what: z.string(),
      }),
    ),
  })
  .openapi('AuditVerification');

const verify = operation({
  id: 'audit.verify',
  method: 'get',
  path: '/admin/audit/verification',
  summary: 'Look whether a line of the log was changed, taken away or put in',
  auth: 'admin',
  scope: 'audit:read',
  stepUp: 'none',
  response: verification,
  async run(_caller, _input, { verifyAudit }: AuditServices) {
    const { files, lines, trimmed, breaks } = await verifyAudit();
    return {
      files,
      lines,
      trimmed,
      breaks: breaks.map(({ file, line, what }) => ({
        file: file ?? null,
        line: line ?? null,
        what,
      })),
    };
  },
});

export const auditOperations: readonly Operation<AuditServices>[] = [
  list,
  exportAs('csv'),
  exportAs('jsonl'),
  verify,
];

function queryOf({ event, address, ...rest }: z.output<typeof filter>): Omit<AuditQuery, 'limit'> {
  const canonical = address === undefined ? undefined : parseAddress(address.trim());
  if (address !== undefined && canonical === undefined)
    throw new ApiError(
      'api.malformed',
      'This is no IP address: write it like 203.0.113.7 or 2001:db8::7.',
    );
  return { ...rest, events: event, address: canonical };
}
