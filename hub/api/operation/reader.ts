// A page's question arrives as the id of an operation; the answer leaves that the API would give to the same caller, without a detour over HTTP.

import type { z } from '@hono/zod-openapi';

import type { Caller } from '../../accounts/caller.ts';
import { admit } from './admission.ts';
import { ApiError } from '../problem/api-error.ts';
import { addressed, sentenceOf } from './input.ts';
import type { Operation } from './operation.ts';
import { Reply } from './reply.ts';

/** Who asks, and by which door. */
interface ReadingCaller {
  readonly caller: Caller;
  readonly isAdminDoorOpen: boolean;
}

/** As they stand in a path and a query: text. */
type Question = Readonly<Record<string, string | undefined>>;

/**
 * Pages show what the API says and nothing else: one place decides who may see what. Only what changes nothing can be asked.
 * @throws what the operation throws
 */
export type Reader = (asked: ReadingCaller, id: string, question?: Question) => Promise<unknown>;

export function createReader<Services>(
  operations: readonly Operation<Services>[],
  services: Services,
): Reader {
  const byId = new Map(operations.map((operation) => [operation.id as string, operation]));
  return async ({ caller, isAdminDoorOpen }, id, question = {}) => {
    const operation = byId.get(id);
    if (operation === undefined || operation.method !== 'get' || operation.produces !== undefined)
      throw new TypeError(`no page can ask ${id}`);
    admit(caller, operation, isAdminDoorOpen);
    const said = Object.fromEntries(
      Object.entries(question).filter(([, value]) => value !== undefined && value !== ''),
    );
    const input = {
      params: judge(operation.params, said),
      query: judge(operation.query, said, (error) => sentenceOf(error, 'the address')),
      body: undefined,
      cookies: new Map(),
      userAgent: undefined,
      signal: neverAborted,
      isAdminDoorOpen,
    };
    const answer = await operation.run(caller as never, input as never, services);
    const body = answer instanceof Reply ? (answer.body as unknown) : answer;
    return operation.response?.parse(body);
  };
}

const neverAborted = new AbortController().signal;

/**
 * Each schema takes its own of what was said. A part of the path that is none leads nowhere; what is wrong with a filter is said.
 * @throws ApiError api.malformed: a person wrote it into the address
 */
function judge(
  schema: Operation<never>['params'],
  said: object,
  sentence: (error: z.ZodError) => string = () =>
    'There is nothing at this address: check its spelling.',
): unknown {
  if (schema === undefined) return {};
  const known = Object.fromEntries(
    Object.entries(said).filter(([name]) => Object.hasOwn(schema.shape, name)),
  );
  const judged = schema.safeParse(addressed(known));
  if (judged.success) return judged.data;
  throw new ApiError('api.malformed', sentence(judged.error));
}
