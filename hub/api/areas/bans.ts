// An admin's word on who may not come in arrives; every process of the hub holds to it, and the list leaves.

import { z } from '@hono/zod-openapi';

import type { Ban, BanWish } from '../../access/bans/ban.ts';
import { ApiError } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOfAll, pageQuery } from '../operation/page.ts';

export interface BanServices {
  readonly bans: {
    /** Youngest first; of the same moment the greater id. */
    list(): readonly Ban[];
    add(wish: BanWish): Promise<Ban>;
    remove(
      which: string,
      by: Pick<BanWish, 'actor' | 'address' | 'requestId'>,
    ): Promise<Ban | undefined>;
  };
}

const banSchema = z
  .object({
    id: z.uuid(),
    network: z.string(),
    origin: z.enum(['guard', 'operator']).openapi({
      description:
        'operator: shut out of everything; guard: of the hub’s own pages and API, for guessing.',
    }),
    reason: z.string(),
    by: z.string(),
    created_at: z.string().openapi({ format: 'date-time' }),
    until: z.string().nullable().openapi({ format: 'date-time', description: 'null: for good' }),
  })
  .openapi('Ban');

const minute = 60;
const tenYears = 3650 * 24 * 3600;

const list = operation({
  id: 'bans.list',
  method: 'get',
  path: '/admin/bans',
  summary: 'Who may not come in, youngest first',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(banSchema),
  run: async (_caller, { query }, { bans }: BanServices) =>
    pageOfAll(bans.list(), query, {
      keyOf: ({ createdAt, id }) => [createdAt.toISOString(), id],
      itemOf: banJson,
      isDescending: true,
    }),
});

const add = operation({
  id: 'bans.add',
  method: 'post',
  path: '/admin/bans',
  summary: 'Shut an address or a network out of every door of the hub, at once',
  description:
    'What runs for it is cut. An IPv6 address without a prefix stands for its /64, which one home has whole: the answer says what is banned. A network that is wide, or that you come from yourself, wants `confirm`.',
  auth: 'admin',
  scope: 'admin:write',
  stepUp: 'config',
  body: z.strictObject({
    network: z.string().max(64).openapi({ example: '203.0.113.0/24' }),
    seconds: z.number().int().min(minute).max(tenYears).nullable().openapi({
      description: 'null: for good',
    }),
    reason: z.string().max(200).default(''),
    confirm: z.boolean().default(false),
  }),
  status: 201,
  response: banSchema,
  target: ({ body }) => body.network,
  async run(caller, { body }, { bans }: BanServices) {
    const { account, address, requestId } = caller;
    const ban = await bans.add({
      network: body.network,
      forMs: body.seconds === null ? undefined : body.seconds * 1000,
      reason: body.reason,
      actor: { id: account.id, name: account.username },
      address,
      isConfirmed: body.confirm,
      requestId,
    });
    return banJson(ban);
  },
});

const remove = operation({
  id: 'bans.remove',
  method: 'delete',
  path: '/admin/bans/{id}',
  summary: 'Let somebody in again, at once',
  auth: 'admin',
  scope: 'admin:write',
  stepUp: 'config',
  params: z.object({ id: z.uuid() }),
  async run(caller, { params }, { bans }: BanServices) {
    const { account, address, requestId } = caller;
    const actor = { id: account.id, name: account.username };
    if ((await bans.remove(params.id, { actor, address, requestId })) === undefined)
      throw new ApiError('api.not-found', 'There is no such ban: it is over, or was lifted.');
  },
});

export const banOperations: readonly Operation<BanServices>[] = [list, add, remove];

function banJson({ createdAt, until, ...ban }: Ban) {
  return {
    ...ban,
    created_at: createdAt.toISOString(),
    until: until?.toISOString() ?? null,
  };
}
