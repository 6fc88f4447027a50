// The fields of an HTTP/1.1 request arrive; the header list of HTTP/2 leaves, and its answer comes back in the words of HTTP/1.1 (RFC 9113 §8). Pure.

import type { ResponseHead } from '../../../shared/http/head.ts';
import { EdgeError } from '../edge-error.ts';
import { h2cLimits } from './limits.ts';
import type { FieldLines } from '../visitor.ts';
import { websocketAccept } from '../websocket-accept.ts';

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  /** As forwarded.ts writes them, Host and framing included. */
  readonly fields: FieldLines;
  /** `websocket`, or none. */
  readonly protocol: string | undefined;
}

/** They belong to a connection (RFC 9113 §8.2.2), or are said by HTTP/2 in another way. The key has no use without an upgrade (RFC 8441 §5). */
const unsaid: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'sec-websocket-key',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Pseudo-fields first, as pairs in one list. */
export function requestList(request: OutgoingRequest): string[] {
  const { method, target, fields, protocol } = request;
  const list = [':method', protocol === undefined ? method : 'CONNECT'];
  if (protocol !== undefined) list.push(':protocol', protocol);
  // That of the connection to the origin, which checks it (Kestrel does); what the visitor spoke is in X-Forwarded-Proto.
  list.push(':scheme', 'http', ':authority', fieldValue(fields, 'host') ?? '', ':path', target);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!unsaid.has(name)) list.push(name, fields[i + 1] as string);
  }
  // We read trailers, and gRPC servers refuse callers who do not.
  if (protocol === undefined) list.push('te', 'trailers');
  return list;
}

/** A response head from its header list. @throws EdgeError origin.bad-response, origin.too-large */
export function headOf(list: FieldLines): ResponseHead {
  const fields = checked(list);
  const status = Number(fieldValue(list, ':status') ?? 0);
  if (!(status >= 100 && status <= 599)) throw badResponse(`status ${status}`);
  const length = fieldValue(fields, 'content-length');
  return {
    status,
    version: '1.1',
    fields,
    contentLength: length === undefined ? undefined : Number(length),
    isChunked: false,
    isPersistent: false,
  };
}

/** The agreement to an extended CONNECT, as an upgrade would be agreed to. */
export function switchHead(head: ResponseHead, request: OutgoingRequest): ResponseHead {
  const key = fieldValue(request.fields, 'sec-websocket-key') ?? '';
  const fields = [
    ...head.fields,
    'connection',
    'Upgrade',
    'upgrade',
    'websocket',
    'sec-websocket-accept',
    websocketAccept(key),
  ];
  return { ...head, status: 101, fields };
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const notValue = /[^\t\x20-\x7e\x80-\xff]/;
const contentLength = /^\d{1,15}$/;

/**
 * Field lines without the pseudo-fields. nghttp2 has checked most of it; what one of its versions lets pass must not
 * become another line of an HTTP/1.1 answer. @throws EdgeError origin.bad-response, origin.too-large
 */
export function checked(list: FieldLines): FieldLines {
  const fields: string[] = [];
  // Before the origin acknowledges our SETTINGS, nghttp2 holds it to no limit of ours.
  const bytes = list.reduce((sum, text) => sum + text.length + 2, 0);
  if (bytes > h2cLimits.headBytes || list.length > 2 * h2cLimits.fields) {
    throw new EdgeError('origin.too-large', `a head of ${list.length / 2} fields, ${bytes} bytes`);
  }
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string;
    const value = list[i + 1] as string;
    if (name.startsWith(':')) continue;
    if (!token.test(name) || notValue.test(value)) throw badResponse('a field that HTTP forbids');
    if (name === 'content-length' && (!contentLength.test(value) || fields.includes(name))) {
      throw badResponse('an unclear Content-Length');
    }
    fields.push(name, value);
  }
  return fields;
}

function badResponse(what: string): EdgeError {
  return new EdgeError('origin.bad-response', `the HTTP/2 origin answered with ${what}`);
}

function fieldValue(fields: FieldLines, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}
