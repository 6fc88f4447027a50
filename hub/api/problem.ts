// A code arrives; its HTTP status and its title leave, and an answer after RFC 9457.

import { randomUUID } from 'node:crypto';

import type { Context } from 'hono';

import type { TunnelErrorCode } from '../tunnels/tunnel-error.ts';

export type ApiErrorCode =
  | TunnelErrorCode
  | 'enrol.rate-limited'
  | 'tunnel.unbound'
  | 'api.malformed'
  | 'api.not-found'
  | 'api.too-large'
  | 'api.timeout'
  | 'api.internal';

interface Problem {
  readonly status: 400 | 403 | 404 | 408 | 409 | 410 | 413 | 426 | 429 | 500 | 503;
  readonly title: string;
}

const problems: Readonly<Record<ApiErrorCode, Problem>> = {
  'enrol.token-invalid': { status: 403, title: 'Unknown enrolment token' },
  'enrol.token-used': { status: 409, title: 'Enrolment token used before' },
  'enrol.token-expired': { status: 410, title: 'Enrolment token expired' },
  'enrol.wrong-network': { status: 403, title: 'Enrolment token of another network' },
  'enrol.proof': { status: 403, title: 'Key not proved' },
  'enrol.token-options': { status: 400, title: 'Enrolment token cannot be made like this' },
  'enrol.rate-limited': { status: 429, title: 'Too many failed enrolments' },
  'name.invalid': { status: 400, title: 'No usable name' },
  'name.reserved': { status: 409, title: 'Reserved name' },
  'name.taken': { status: 409, title: 'Name taken' },
  'name.quarantined': { status: 409, title: 'Name in quarantine' },
  'name.quota': { status: 403, title: 'No more names' },
  'name.changes': { status: 403, title: 'Too many changes of name' },
  'server.unknown': { status: 404, title: 'Unknown server' },
  'tunnel.unbound': { status: 426, title: 'TLS of the hub itself is needed' },
  'api.malformed': { status: 400, title: 'Malformed request' },
  'api.not-found': { status: 404, title: 'Nothing here' },
  'api.too-large': { status: 413, title: 'Request too large' },
  'api.timeout': { status: 408, title: 'Request too slow' },
  'api.internal': { status: 500, title: 'The hub failed' },
};

/** `detail` is one sentence with its remedy. The type is a name, not an address: nothing is fetched to understand an error. */
export function problem(context: Context, code: ApiErrorCode, detail: string): Response {
  const { status, title } = problems[code];
  const body = {
    type: `urn:phlix-hub:error:${code}`,
    title,
    status,
    detail,
    code,
    instance: `urn:uuid:${randomUUID()}`,
  };
  return context.body(`${JSON.stringify(body)}\n`, status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
}
