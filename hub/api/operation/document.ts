// Operations arrive; the OpenAPI 3.1 document that describes exactly them leaves.

import { OpenAPIHono, z, type RouteConfig } from '@hono/zod-openapi';

import { levelOf } from './admission.ts';
import type { Operation } from './operation.ts';

/** Raised when a client could notice: what was there stays as long as the path says v1. */
const apiVersion = '1.0.0';

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string(),
    challenge_id: z.string().optional(),
    methods: z.array(z.string()).optional(),
    until: z.string().nullable().optional(),
  })
  .openapi('Problem');

/** Of every address: what else it may answer. */
const refusal = {
  default: {
    description: 'A problem',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
};

const proofHeader = z.object({
  'X-Phlix-Step-Up': z.string().optional().openapi({
    description:
      'A proof for this call alone, where one is asked for: a refusal login.step-up names the challenge, and /auth/step-up/{challenge_id} answers with the proof. A token has none and needs none',
  }),
});

/** `more`: what answers in a way of its own, which no operation declares. */
export function openApiDocument(
  operations: readonly Operation<never>[],
  more: readonly RouteConfig[] = [],
): object {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registry.registerComponent('securitySchemes', 'login', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-phlix_session',
  });
  registry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  for (const operation of operations) registry.registerPath(routeOf(operation));
  for (const route of more)
    registry.registerPath({ ...route, responses: { ...route.responses, ...refusal } });
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Phlix Hub',
      version: apiVersion,
      description:
        'Everything that the dashboard does. Sign in with a browser, or send a personal token as a bearer. Problems are application/problem+json (RFC 9457) with a stable code.',
    },
    servers: [{ url: '/api/v1' }],
  });
}

function routeOf(operation: Operation<never>): RouteConfig {
  const { id, method, path, summary, description, auth, scope, stepUp } = operation;
  return {
    operationId: id,
    method,
    path,
    summary,
    ...(description !== undefined && { description }),
    tags: [id.slice(0, id.indexOf('.'))],
    security: securityOf(operation),
    request: requestOf(operation),
    responses: { ...successOf(operation), ...refusal },
    'x-auth': auth,
    'x-scope': scope,
    'x-step-up': stepUp,
  };
}

function securityOf({ auth, scope }: Operation<never>): Record<string, string[]>[] {
  if (auth === 'nobody') return [];
  return scope === 'none' ? [{ login: [] }] : [{ login: [] }, { token: [scope] }];
}

function requestOf(operation: Operation<never>): NonNullable<RouteConfig['request']> {
  const { params, query, body } = operation;
  return {
    ...(params && { params }),
    ...(query && { query }),
    ...(levelOf(operation) !== undefined && { headers: proofHeader }),
    ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
  };
}

function successOf({ response, status, produces }: Operation<never>): RouteConfig['responses'] {
  if (produces !== undefined) {
    const content = { [produces]: { schema: response ?? z.string() } };
    return { 200: { description: 'Done', content } };
  }
  if (response === undefined) return { 204: { description: 'Done' } };
  const content = { 'application/json': { schema: response } };
  return { [status ?? 200]: { description: 'Done', content } };
}
