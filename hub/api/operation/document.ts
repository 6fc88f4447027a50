// Operations arrive; the OpenAPI 3.1 document that describes exactly them leaves.

import { OpenAPIHono, z, type RouteConfig } from '@hono/zod-openapi';

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
  })
  .openapi('Problem');

export function openApiDocument(operations: readonly Operation<never>[]): object {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registry.registerComponent('securitySchemes', 'login', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-phlix_session',
  });
  registry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  for (const operation of operations) registry.registerPath(routeOf(operation));
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
    responses: {
      ...successOf(operation),
      default: {
        description: 'A problem',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    },
    'x-auth': auth,
    'x-scope': scope,
    'x-step-up': stepUp,
  };
}

function securityOf({ auth, scope }: Operation<never>): Record<string, string[]>[] {
  if (auth === 'nobody') return [];
  return scope === 'none' ? [{ login: [] }] : [{ login: [] }, { token: [scope] }];
}

function requestOf({ params, query, body }: Operation<never>): NonNullable<RouteConfig['request']> {
  return {
    ...(params && { params }),
    ...(query && { query }),
    ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
  };
}

function successOf({ response, status, produces }: Operation<never>): RouteConfig['responses'] {
  if (produces !== undefined) {
    const content = { [produces]: { schema: z.string() } };
    return { 200: { description: 'Done', content } };
  }
  if (response === undefined) return { 204: { description: 'Done' } };
  const content = { 'application/json': { schema: response } };
  return { [status ?? 200]: { description: 'Done', content } };
}
