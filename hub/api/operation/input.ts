// A request and an operation's schemas arrive; its parameters, query and body leave, of the shape that the operation declared, or a refusal.

import { Buffer } from 'node:buffer';

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';

import { ApiError } from '../problem/api-error.ts';
import type { HubEnv } from '../doors/arrival.ts';
import type { Input, Operation } from './operation.ts';

export interface InputLimits {
  /** What a body may have that declares nothing else. */
  readonly bodyBytes: number;
  /** For the whole body: whoever sends a byte a minute is not waited for. */
  readonly bodyTimeoutMs: number;
}

/** What a schema made of the request. */
export type AnyInput = Input<unknown, unknown, unknown>;

/** @throws ApiError api.malformed | api.media-type | api.too-large | api.timeout */
export async function inputOf(
  context: Context<HubEnv>,
  operation: Pick<Operation<never>, 'params' | 'query' | 'body' | 'bodyBytes'>,
  limits: InputLimits,
): Promise<AnyInput> {
  const { req } = context;
  const read = async (): Promise<unknown> => {
    requireJson(req.header('content-type'));
    const most = operation.bodyBytes ?? limits.bodyBytes;
    return parseJson(await bytesOf(req.raw, most, limits.bodyTimeoutMs));
  };
  return {
    params: judge(operation.params, () => addressed(req.param()), 'the path'),
    query: judge(operation.query, () => addressed(queryOf(req.queries())), 'the query'),
    body: operation.body && judge(operation.body, await read().then(always), 'the body'),
    cookies: context.get('cookies'),
    userAgent: req.header('user-agent'),
    isAdminDoorOpen: context.get('isAdminDoorOpen'),
    signal: req.raw.signal,
  };
}

function always<Value>(value: Value): () => Value {
  return () => value;
}

function judge(schema: z.ZodType | undefined, value: () => unknown, where: string): unknown {
  if (schema === undefined) return {};
  const judged = schema.safeParse(value());
  if (judged.success) return judged.data;
  throw new ApiError('api.malformed', sentenceOf(judged.error, where));
}

/**
 * What a path or a query says, which is looked up as it stands: PostgreSQL has no NUL, and the hub would be said to have failed.
 * @throws ApiError api.malformed
 */
export function addressed<Said extends object>(said: Said): Said {
  const holdsNul = Object.values(said).some((part) => String(part).includes('\0'));
  if (!holdsNul) return said;
  throw new ApiError('api.malformed', 'There is a NUL character in the address: leave it out.');
}

/** A form can be sent by any page, a JSON body by our own only (security row A-20). */
function requireJson(contentType: string | undefined): void {
  const isJson = /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?\s*$/i.test(
    contentType ?? '',
  );
  if (!isJson)
    throw new ApiError(
      'api.media-type',
      'Send the body as JSON, with content-type: application/json.',
    );
}

/** One name twice would be read as the first by some and as the last by others. */
function queryOf(all: Record<string, string[]>): Record<string, string> {
  const entries = Object.entries(all).map(([name, values]) => {
    const [value = '', another] = values;
    if (another === undefined) return [name, value] as const;
    throw new ApiError(
      'api.malformed',
      `The query names ${JSON.stringify(name)} twice: name it once.`,
    );
  });
  return Object.fromEntries(entries);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw new ApiError('api.malformed', 'The body is no JSON: check its quotes and commas.', {
      cause: error,
    });
  }
}

export async function bytesOf(request: Request, most: number, timeoutMs: number): Promise<Buffer> {
  if (request.body === null) return Buffer.alloc(0);
  const reader = request.body.getReader();
  const late = Promise.withResolvers<'late'>();
  const deadline = setTimeout(() => late.resolve('late'), timeoutMs);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late.promise]);
      if (read === 'late')
        throw new ApiError('api.timeout', 'The body did not arrive in time: try again.');
      if (read.done) return Buffer.concat(chunks);
      length += read.value.byteLength;
      if (length > most) throw new ApiError('api.too-large', `Send at most ${most} bytes.`);
      chunks.push(read.value);
    }
  } finally {
    clearTimeout(deadline);
    // What is left of it is not read: Node closes the connection behind the answer.
    void reader.cancel().catch(() => undefined);
  }
}

/** The first few faults, by their place; never a value, which may be a password. */
export function sentenceOf({ issues }: z.ZodError, where: string): string {
  const faults = issues.slice(0, shownFaults).map(({ path, message }) => {
    const place = path.map(String).join('.');
    return place === '' ? message : `${place}: ${message}`;
  });
  const rest = issues.length > shownFaults ? `, and ${issues.length - shownFaults} more` : '';
  return `In ${where}: ${faults.join('; ')}${rest}.`;
}

const shownFaults = 5;
