// Wishes about where notices go, and when a server's silence is one, arrive; targets leave without their secrets, and tests with what was said (row A-22).

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { NoticeKind } from '../../notices/notice.ts';
import { targetKinds, type NoticeTarget } from '../../notices/targets/target.ts';
import type { NewTarget, NoticeTargets } from '../../notices/targets/targets.ts';
import type { ServerAlertStore } from '../../notices/watch/offline-watch.ts';
import { noticeKinds } from '../../notices/wording.ts';
import { operation, type Operation } from '../operation/operation.ts';
import { requireOwned, serverId, type ServerViews, type SignedIn } from './server-view.ts';
import { note } from './servers.ts';

export interface NoticeServices extends Pick<ServerViews, 'servers' | 'sharing'> {
  readonly noticeTargets: NoticeTargets;
  readonly serverAlerts: Pick<ServerAlertStore, 'find' | 'choose'>;
  readonly audit: Audit;
}

const kinds = z.array(z.enum(noticeKinds() as [NoticeKind, ...NoticeKind[]])).max(100);

const targetSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(targetKinds),
    label: z.string().openapi({ description: 'Where it leads, as far as that is no secret' }),
    kinds: kinds.openapi({ description: 'Only of these; none: of all' }),
    allow: z.array(z.string()),
    is_enabled: z.boolean(),
    created_at: z.iso.datetime(),
    last_sent_at: z.iso.datetime().nullable(),
    failed_at: z.iso.datetime().nullable(),
    failure: z.string().nullable(),
  })
  .openapi('NoticeTarget');

const targets = z.object({ items: z.array(targetSchema) });

const newTarget = z.strictObject({
  kind: z.enum(targetKinds),
  address: z.string().max(2000),
  secret: z.string().max(500).optional(),
  kinds: kinds.optional(),
});

const madeTarget = targetSchema
  .extend({
    secret: z.string().nullable().openapi({
      description: 'Of a webhook: the key of its signatures, told this once',
    }),
  })
  .openapi('NewNoticeTarget');

const targetChange = z.strictObject({
  kinds: kinds.optional(),
  is_enabled: z.boolean().optional(),
});

const testResult = z
  .object({
    is_sent: z.boolean(),
    reason: z.string().nullable(),
    transcript: z.array(z.string()).openapi({
      description: 'Of mail: what was said to the server and by it, without secrets',
    }),
  })
  .openapi('NoticeTest');

const targetId = z.object({ id: z.uuid() });

type Services = NoticeServices;

/** The caller's own, or with `hub` those of the hub, which are an admin's. */
function operationsFor(area: 'account' | 'admin'): readonly Operation<Services>[] {
  const isHub = area === 'admin';
  const at = { path: `/${area}/notice-targets`, word: isHub ? 'hub-notices' : 'notices' } as const;
  const whose = ({ account }: SignedIn) => (isHub ? undefined : account.id);
  const auth = isHub ? 'admin' : 'login';
  const of = isHub ? "the hub's own notices" : 'notices about you and your servers';
  const list = operation({
    id: `${at.word}.list`,
    method: 'get',
    path: at.path,
    summary: `Where ${of} go, beside mail`,
    auth,
    scope: 'none',
    stepUp: 'none',
    response: targets,
    async run(caller, _input, { noticeTargets }: Services) {
      return { items: (await noticeTargets.list(whose(caller))).map(targetJson) };
    },
  });
  const create = operation({
    id: `${at.word}.create`,
    method: 'post',
    path: at.path,
    summary: `Send ${of} to one more place`,
    auth,
    scope: 'none',
    stepUp: 'config',
    status: 201,
    body: isHub
      ? newTarget.extend({ allow: z.array(z.string().max(64)).max(20).optional() })
      : newTarget,
    response: madeTarget,
    async run(caller, { body }, { noticeTargets, audit }: Services) {
      const wish: NewTarget = { ...body, accountId: whose(caller) };
      const { target, secret } = await noticeTargets.add(wish);
      noteChange(audit, caller, `${target.kind} ${target.label}`);
      return { ...targetJson(target), secret: wish.secret === undefined ? (secret ?? null) : null };
    },
  });
  const change = operation({
    id: `${at.word}.change`,
    method: 'patch',
    path: `${at.path}/{id}`,
    summary: 'Choose what a place is told of, or silence it',
    auth,
    scope: 'none',
    stepUp: 'config',
    params: targetId,
    body: targetChange,
    response: targetSchema,
    async run(caller, { params, body }, { noticeTargets, audit }: Services) {
      const wanted = { kinds: body.kinds, isEnabled: body.is_enabled };
      const target = await noticeTargets.change(params.id, whose(caller), wanted);
      noteChange(audit, caller, `${target.kind} ${target.label}`);
      return targetJson(target);
    },
  });
  const remove = operation({
    id: `${at.word}.remove`,
    method: 'delete',
    path: `${at.path}/{id}`,
    summary: 'Send nothing there any more',
    auth,
    scope: 'none',
    stepUp: 'config',
    params: targetId,
    async run(caller, { params }, { noticeTargets, audit }: Services) {
      const target = await noticeTargets.remove(params.id, whose(caller));
      noteChange(audit, caller, `${target.kind} ${target.label} removed`);
    },
  });
  const test = operation({
    id: `${at.word}.test`,
    method: 'post',
    path: `${at.path}/{id}/test`,
    summary: 'Send a test there now, and see what came of it',
    auth,
    scope: 'none',
    stepUp: 'none',
    params: targetId,
    response: testResult,
    async run(caller, { params }, { noticeTargets }: Services) {
      const by = caller.account.username;
      const said = await noticeTargets.test(params.id, whose(caller), by);
      return {
        is_sent: said.isSent,
        reason: said.reason ?? null,
        transcript: [...said.transcript],
      };
    },
  });
  return [list, create, change, remove, test];
}

const alertSchema = z
  .object({
    offline_minutes: z.number().int().min(1).max(10_080).nullable().openapi({
      description: 'After how long its owner is told that it is offline; null: never',
    }),
  })
  .openapi('ServerAlert');

const showAlert = operation({
  id: 'alerts.show',
  method: 'get',
  path: '/servers/{id}/alerts',
  summary: 'When the owner of a server is told that it is offline',
  auth: 'login',
  scope: 'servers:read',
  stepUp: 'none',
  params: serverId,
  response: alertSchema,
  async run(caller, { params }, services: Services) {
    await requireOwned(caller, params.id, services);
    const { offlineMinutes } = await services.serverAlerts.find(params.id);
    return { offline_minutes: offlineMinutes ?? null };
  },
});

const chooseAlert = operation({
  id: 'alerts.choose',
  method: 'put',
  path: '/servers/{id}/alerts',
  summary: 'Choose when the owner of a server is told that it is offline',
  auth: 'owner',
  scope: 'servers:write',
  stepUp: 'config',
  params: serverId,
  body: alertSchema,
  response: alertSchema,
  async run(caller, { params, body }, services: Services) {
    const server = await requireOwned(caller, params.id, services);
    await services.serverAlerts.choose(params.id, body.offline_minutes ?? undefined);
    const reason = `offline alert ${body.offline_minutes ?? 'off'}`;
    note(services, caller, { event: 'server.changed', server, reason });
    return body;
  },
});

export const noticeOperations: readonly Operation<NoticeServices>[] = [
  ...operationsFor('account'),
  ...operationsFor('admin'),
  showAlert,
  chooseAlert,
];

function noteChange(audit: Audit, { account, address, requestId }: SignedIn, target: string): void {
  const actor = { id: account.id, name: account.username };
  const event = 'notice.target-changed';
  audit.note({ event, actor, address, target, result: 'ok', requestId });
}

function targetJson(target: NoticeTarget): z.input<typeof targetSchema> {
  return {
    id: target.id,
    kind: target.kind,
    label: target.label,
    kinds: [...target.kinds],
    allow: [...target.allow],
    is_enabled: target.isEnabled,
    created_at: target.createdAt.toISOString(),
    last_sent_at: target.lastSentAt?.toISOString() ?? null,
    failed_at: target.failure?.at.toISOString() ?? null,
    failure: target.failure?.reason ?? null,
  };
}
