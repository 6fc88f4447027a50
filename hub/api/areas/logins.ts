// Somebody asks where he is signed in; his logins leave, each with where it was last seen, and end when he says so (row A-18).

import { z } from '@hono/zod-openapi';

import { placeOf as networkOf } from '../../accounts/login/arrivals.ts';
import type { Login } from '../../accounts/login/login.ts';
import type { Logins } from '../../accounts/login/logins.ts';
import type { Place, Travel } from '../../accounts/login/travel.ts';
import { noted } from '../../accounts/noted.ts';
import type { Audit } from '../../audit/audit.ts';
import { notFound } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { listOf, pageOf, pageQuery, placeOf } from '../operation/page.ts';

export interface LoginServices {
  readonly logins: Logins;
  readonly travel: Pick<Travel, 'placeOf'>;
  readonly audit: Audit;
}

const loginSchema = z
  .object({
    id: z.uuid(),
    software: z.string(),
    /** A /24 or /48: enough to recognise a place by. */
    network: z.string().nullable(),
    /** Where that is by the operator's map, about; null: it is not on the map, or there is none. */
    place: z
      .object({
        country: z.string().nullable(),
        city: z.string().nullable(),
      })
      .nullable(),
    methods: z.array(z.string()),
    restriction: z.enum(['enrol']).nullable(),
    created_at: z.iso.datetime(),
    seen_at: z.iso.datetime(),
    ends_at: z.iso.datetime(),
    is_current: z.boolean(),
  })
  .openapi('Login');

const listLogins = operation({
  id: 'logins.list',
  method: 'get',
  path: '/account/logins',
  summary: 'Where you are signed in, the newest first',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  query: pageQuery,
  response: listOf(loginSchema),
  async run(caller, { query }, { logins, travel }: LoginServices) {
    const [before] = placeOf(query, 1) ?? [];
    const all = await logins.list(caller.account);
    // Ids are in the order of their making (UUIDv7).
    const rest = all.filter(({ id }) => before === undefined || id < before);
    const currentId = caller.kind === 'login' ? caller.login.id : undefined;
    const page = pageOf(rest, query, { keyOf: ({ id }) => [id], itemOf: (login) => login });
    const items = page.items.map(async (login) =>
      loginJson(login, { currentId, place: await travel.placeOf(login.address) }),
    );
    return { ...page, items: await Promise.all(items) };
  },
});

const endLogin = operation({
  id: 'logins.end',
  method: 'delete',
  path: '/account/logins/{id}',
  summary: 'Sign a browser out, within a second',
  auth: 'login',
  scope: 'account:write',
  stepUp: 'none',
  params: z.object({ id: z.uuid() }),
  async run(caller, { params }, { logins, audit }: LoginServices) {
    const isEnded = await logins.end({ accountId: caller.account.id, id: params.id });
    if (!isEnded) throw notFound('login of this id');
    audit.note({ ...noted(caller), event: 'login.ended', target: params.id, result: 'ok' });
  },
});

const endOthers = operation({
  id: 'logins.end-others',
  method: 'post',
  path: '/account/logins/end-others',
  summary: 'Sign every other browser out',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  response: z.object({ ended: z.number().int() }),
  async run(caller, _input, { logins, audit }: LoginServices) {
    const ended = await logins.endOthers(caller.login);
    const reason = `${ended} others`;
    audit.note({ ...noted(caller), event: 'login.ended', reason, result: 'ok' });
    return { ended };
  },
});

export const loginOperations: readonly Operation<LoginServices>[] = [
  listLogins,
  endLogin,
  endOthers,
];

function loginJson(
  login: Login,
  { currentId, place }: { currentId: string | undefined; place: Place | undefined },
): z.input<typeof loginSchema> {
  const { address } = login;
  return {
    id: login.id,
    software: login.software,
    network: address === undefined ? null : networkOf(address),
    place: placeJson(place),
    methods: [...login.methods],
    restriction: login.restriction ?? null,
    created_at: login.createdAt.toISOString(),
    seen_at: login.seenAt.toISOString(),
    ends_at: login.endsAt.toISOString(),
    is_current: login.id === currentId,
  };
}

/** Less than the map says: its degrees are nobody's business here. */
function placeJson(place: Place | undefined): z.input<typeof loginSchema>['place'] {
  const { country = null, city = null } = place ?? {};
  return country === null && city === null ? null : { country, city };
}
