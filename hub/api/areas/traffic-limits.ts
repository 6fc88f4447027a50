// What the traffic of a server, or of an account's servers together, may come to is asked and set here.

import { z } from '@hono/zod-openapi';

import type { Accounts } from '../../accounts/accounts.ts';
import type { Audit } from '../../audit/audit.ts';
import { limitRanges, type LimitSubject, type TrafficLimits } from '../../usage/limits.ts';
import type { UsageReadings } from '../../usage/usage.ts';
import { notFound } from '../problem/api-error.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { requireOwned, serverId, type ServerViews } from './server-view.ts';
import { note } from './servers.ts';

export interface TrafficLimitServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly usage: Pick<UsageReadings, 'limits' | 'setLimits' | 'bytesThisMonth'>;
  readonly accounts: Pick<Accounts, 'find'>;
  readonly audit: Audit;
}

const limitsSchema = z
  .object({
    bytes_per_month: z.number().nullable(),
    megabits_per_second: z.number().nullable(),
    streams: z.number().int().nullable(),
    bytes_this_month: z.number(),
  })
  .openapi('TrafficLimits');

const { bytesPerMonth: bytes, megabitsPerSecond: megabits, streams } = limitRanges;
const gigabyte = 1e9;

/** What is left out or null is no longer limited. Gigabytes are for people, bytes for programs. */
const limitsBody = z
  .strictObject({
    bytes_per_month: z.number().int().min(bytes.least).max(bytes.most).nullish(),
    gigabytes_per_month: z
      .number()
      .min(bytes.least / gigabyte)
      .max(bytes.most / gigabyte)
      .nullish(),
    megabits_per_second: z.number().min(megabits.least).max(megabits.most).nullish(),
    streams: z.number().int().min(streams.least).max(streams.most).nullish(),
  })
  .refine(
    (body) => body.bytes_per_month == null || body.gigabytes_per_month == null,
    'name bytes_per_month or gigabytes_per_month, not both',
  );

const serverLimits = operation({
  id: 'usage.limits',
  method: 'get',
  path: '/servers/{id}/limits',
  summary: 'What a server’s traffic may come to, and what it has come to this month',
  auth: 'owner',
  scope: 'usage:read',
  stepUp: 'none',
  params: serverId,
  response: limitsSchema,
  async run(caller, { params }, services: TrafficLimitServices) {
    await requireOwned(caller, params.id, services);
    return limitsOf({ scope: 'server', id: params.id }, services);
  },
});

const setServerLimits = operation({
  id: 'usage.set-limits',
  method: 'put',
  path: '/servers/{id}/limits',
  summary: 'Limit a server’s traffic; what is left out is no longer limited',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: limitsBody,
  response: limitsSchema,
  async run(caller, { params, body }, services: TrafficLimitServices) {
    const server = await requireOwned(caller, params.id, services);
    const subject: LimitSubject = { scope: 'server', id: params.id };
    await services.usage.setLimits(subject, limitsIn(body));
    note(services, caller, { event: 'server.changed', server, reason: reasonOf(body) });
    return limitsOf(subject, services);
  },
});

const accountId = z.object({ id: z.uuid() });

const accountLimits = operation({
  id: 'usage.account-limits',
  method: 'get',
  path: '/admin/users/{id}/limits',
  summary: 'What the traffic of an account’s servers may come to together, and has this month',
  auth: 'admin',
  scope: 'admin:read',
  stepUp: 'none',
  params: accountId,
  response: limitsSchema,
  run: async (_caller, { params }, services: TrafficLimitServices) =>
    limitsOf((await subjectOf(params.id, services)).subject, services),
});

const setAccountLimits = operation({
  id: 'usage.set-account-limits',
  method: 'put',
  path: '/admin/users/{id}/limits',
  summary:
    'Limit the traffic of all servers of an account together; what is left out is no longer limited',
  auth: 'admin',
  scope: 'admin:write',
  stepUp: 'config',
  params: accountId,
  body: limitsBody,
  response: limitsSchema,
  async run(caller, { params, body }, services: TrafficLimitServices) {
    const { subject, username } = await subjectOf(params.id, services);
    await services.usage.setLimits(subject, limitsIn(body));
    const { account, address, requestId, kind: method } = caller;
    services.audit.note({
      event: 'admin.account-changed',
      actor: { id: account.id, name: account.username },
      address,
      target: username,
      result: 'ok',
      method,
      reason: reasonOf(body),
      requestId,
    });
    return limitsOf(subject, services);
  },
});

export const trafficLimitOperations: readonly Operation<TrafficLimitServices>[] = [
  serverLimits,
  setServerLimits,
  accountLimits,
  setAccountLimits,
];

async function limitsOf(
  subject: LimitSubject,
  { usage }: TrafficLimitServices,
): Promise<z.input<typeof limitsSchema>> {
  const limits = await usage.limits(subject);
  return {
    bytes_per_month: limits.bytesPerMonth ?? null,
    megabits_per_second: limits.megabitsPerSecond ?? null,
    streams: limits.streams ?? null,
    bytes_this_month: await usage.bytesThisMonth(subject),
  };
}

function limitsIn(body: z.output<typeof limitsBody>): TrafficLimits {
  const gigabytes = body.gigabytes_per_month ?? undefined;
  const inBytes = gigabytes === undefined ? undefined : Math.round(gigabytes * gigabyte);
  return {
    bytesPerMonth: body.bytes_per_month ?? inBytes,
    megabitsPerSecond: body.megabits_per_second ?? undefined,
    streams: body.streams ?? undefined,
  };
}

/** For the audit log: what is limited from now on. */
function reasonOf(body: z.output<typeof limitsBody>): string {
  const set = Object.entries(body).filter(([, limit]) => limit != null);
  return set.length === 0
    ? 'no limits'
    : `limits ${set.map(([name, limit]) => `${name}=${limit}`).join(' ')}`;
}

async function subjectOf(
  id: string,
  { accounts }: TrafficLimitServices,
): Promise<{ subject: LimitSubject; username: string }> {
  const account = await accounts.find(id);
  if (account === undefined) throw notFound('account of this id');
  return { subject: { scope: 'account', id: account.ownerId }, username: account.username };
}
