// A normalised request arrives; the field lines that its origin gets leave, with exactly one of each field that the hub vouches for.

import { nobodysAddress } from '../../shared/net-address.ts';
import type { FieldLines, VisitorRequest } from './visitor.ts';

/** Set by us below, or decided by how the body is sent; nothing of the visitor's may stand beside ours. */
const ours: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

/** W3C Trace Context. While the hub traces nothing they are the visitor's affair. */
const ofTraces: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);

/** Methods that carry no body by nature: an absent one needs no Content-Length: 0 (RFC 9110 §8.6). */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/** The fields of the request to the origin. Expect is gone: the front has answered it. */
export function originFields(request: VisitorRequest): FieldLines {
  const fields = plainFields(request);
  // Each hop asks for itself: the word is ours, and so is the option that keeps it on our connection (RFC 9110 §10.1.4).
  if (request.takesTrailers === true) fields.push('te', 'trailers', 'connection', 'TE');
  return fields;
}

/** The fields of a WebSocket handshake (RFC 6455 §4.1): the hop's own two in place of the visitor's. */
export function upgradeFields(request: VisitorRequest): FieldLines {
  return [...plainFields(request), 'connection', 'Upgrade', 'upgrade', 'websocket'];
}

function plainFields(request: VisitorRequest): string[] {
  const { traceFields } = request;
  const fields = ['host', request.authority];
  for (let i = 0; i < request.fields.length; i += 2) {
    const name = request.fields[i] as string;
    if (ours.has(name) || (traceFields !== undefined && ofTraces.has(name))) continue;
    fields.push(name, request.fields[i + 1] as string);
  }
  fields.push('x-forwarded-for', request.clientAddress ?? nobodysAddress);
  fields.push('x-forwarded-proto', request.scheme);
  fields.push('x-forwarded-host', request.authority);
  fields.push('x-request-id', request.id);
  if (traceFields !== undefined) fields.push(...traceFields);
  if (request.body === undefined) {
    if (!bodiless.has(request.method)) fields.push('content-length', '0');
  } else if (request.body.length === undefined) {
    fields.push('transfer-encoding', 'chunked');
  } else {
    fields.push('content-length', String(request.body.length));
  }
  return fields;
}
