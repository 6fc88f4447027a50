// An admin asks who waits after failed sign-ins, and lets somebody try again at once.

import { z } from '@hono/zod-openapi';

import { keyKinds, type Closed, type Guard } from '../../accounts/login/guard.ts';
import { noted } from '../../accounts/noted.ts';
import type { Audit } from '../../audit/audit.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf, strangeCursor } from '../operation/page.ts';

export interface LoginBlockServices {
  readonly guard: Guard;
  readonly audit: Audit;
}

const blockSchema = z
  .object({
    kind: z.enum(keyKinds),
    what: z.string(),
    failures: z.number().int(),
    until: z.iso.datetime(),
  })
  .openapi('LoginBlock');

const place = z.tuple([
  z.iso.datetime().transform((text) => new Date(text)),
  z.enum(keyKinds),
  z.string(),
]);

const list = operation({
  id: 'login-blocks.list',
  method: 'get',
  path: '/admin/login-blocks',
  summary: 'Who has failed to sign in too often, and waits: those that wait longest first',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(blockSchema),
  async run(_caller, { query }, { guard }: LoginBlockServices) {
    const after = blockOf(placeOf(query, 3));
    const rows = await guard.listClosed({ after, limit: query.limit + 1 });
    return pageOf(rows, query, {
      keyOf: ({ until, kind, what }) => [until.toISOString(), kind, what],
      itemOf: blockJson,
    });
  },
});

const open = operation({
  id: 'login-blocks.open',
  method: 'post',
  path: '/admin/login-blocks/open',
  summary: 'Let somebody try again at once',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  // An address, an account's id, or the hash of a name.
  body: blockSchema.pick({ kind: true }).extend({
    what: z
      .string()
      .max(256)
      .regex(/^[\x21-\x7E]+$/),
  }),
  async run(caller, { body }, { guard, audit }: LoginBlockServices) {
    await guard.open(body);
    const target = `${body.kind} ${body.what}`;
    audit.note({ ...noted(caller), event: 'ban.removed', target, result: 'ok' });
  },
});

export const loginBlockOperations: readonly Operation<LoginBlockServices>[] = [list, open];

/** @throws ApiError api.malformed */
function blockOf(
  key: readonly string[] | undefined,
): Pick<Closed, 'kind' | 'what' | 'until'> | undefined {
  if (key === undefined) return undefined;
  const judged = place.safeParse(key);
  if (!judged.success) throw strangeCursor();
  const [until, kind, what] = judged.data;
  return { until, kind, what };
}

function blockJson({ kind, what, failures, until }: Closed): z.input<typeof blockSchema> {
  return { kind, what, failures, until: until.toISOString() };
}
