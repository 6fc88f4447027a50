// A failure arrives; an answer after RFC 9457 leaves, with the status of its code and what a client needs to go on.

import { randomUUID } from 'node:crypto';

import type { Context } from 'hono';

import { AccountError } from '../../accounts/account-error.ts';
import { CodedError } from '../../../shared/errors.ts';
import { ApiError } from './api-error.ts';
import { problemOf, problemTable, type ProblemCode } from './problem-table.ts';

/** `detail` is one sentence with its remedy. The type is a name, not an address: nothing is fetched to understand an error. */
export function problem(
  context: Context,
  code: ProblemCode,
  detail: string,
  more: object = {},
): Response {
  const { status, title } = problemTable[code];
  const body = {
    type: `urn:phlix-hub:error:${code}`,
    title,
    status,
    detail,
    code,
    instance: `urn:uuid:${randomUUID()}`,
    ...more,
  };
  context.set('problemCode', code);
  if (status === 401) context.header('www-authenticate', 'Bearer realm="phlix-hub"');
  return context.body(`${JSON.stringify(body)}\n`, status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
}

/** Undefined: no failure that was meant for a client, so a bug. */
export function problemFor(context: Context, error: unknown): Response | undefined {
  if (!(error instanceof CodedError) || problemOf(error.code) === undefined) return undefined;
  const isOfPerson = error instanceof AccountError;
  const challenge = isOfPerson ? error.challenge : undefined;
  const retryAfterMs = isOfPerson || error instanceof ApiError ? error.retryAfterMs : undefined;
  if (retryAfterMs !== undefined)
    context.header('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  const more = challenge && { challenge_id: challenge.id, methods: challenge.methods };
  return problem(context, error.code as ProblemCode, sentence(error.message), more);
}

/** Messages of errors begin small, since logs put them behind a colon. */
function sentence(message: string): string {
  const whole = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
