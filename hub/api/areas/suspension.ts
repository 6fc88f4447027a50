// An operator's word that a server may not be reached, or may be again, arrives; every process of the hub holds to it, and nothing of the server is lost.

import { z } from '@hono/zod-openapi';

import type { Audit } from '../../audit/audit.ts';
import type { ServerStore } from '../../tunnels/server.ts';
import { operation, type Operation } from '../operation/operation.ts';
import {
  requireVisible,
  serverId,
  serverSchema,
  serverView,
  type ServerViews,
} from './server-view.ts';
import { note } from './servers.ts';

export interface SuspensionServices extends ServerViews {
  readonly servers: Pick<ServerStore, 'find' | 'suspend' | 'resume'>;
  readonly audit: Audit;
}

const suspend = operation({
  id: 'servers.suspend',
  method: 'post',
  path: '/admin/servers/{id}/suspend',
  summary:
    'Keep every visitor from a server, at once, until it is resumed; nothing of it is deleted',
  description:
    'What runs is cut within seconds, in every process. Visitors read that the address is closed; the owner reads the reason, in a notice, on the page of the server and in the log of the agent.',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: serverId,
  body: z.strictObject({ reason: z.string().trim().min(1).max(200) }),
  response: serverSchema,
  async run(caller, { params, body }, services: SuspensionServices) {
    await requireVisible(caller, params.id, services);
    const server = await services.servers.suspend(params.id, body.reason);
    note(services, caller, { event: 'server.suspended', server, reason: body.reason });
    return serverView(server, caller, services);
  },
});

const resume = operation({
  id: 'servers.resume',
  method: 'post',
  path: '/admin/servers/{id}/resume',
  summary: 'Let visitors reach a suspended server again; its agent comes back within five minutes',
  auth: 'admin',
  scope: 'none',
  stepUp: 'config',
  params: serverId,
  response: serverSchema,
  async run(caller, { params }, services: SuspensionServices) {
    await requireVisible(caller, params.id, services);
    const server = await services.servers.resume(params.id);
    note(services, caller, { event: 'server.resumed', server });
    return serverView(server, caller, services);
  },
});

export const suspensionOperations: readonly Operation<SuspensionServices>[] = [suspend, resume];
