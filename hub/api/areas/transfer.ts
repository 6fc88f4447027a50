// A server and the account that gets it arrive; it is that account's from now on, without the former owner's agent (security row D-05).

import { z } from '@hono/zod-openapi';

import type { Account } from '../../accounts/account.ts';
import { AccountError } from '../../accounts/account-error.ts';
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

export interface TransferServices extends ServerViews {
  readonly servers: Pick<ServerStore, 'find' | 'transfer'>;
  readonly accounts: { findByName(name: string): Promise<Account | undefined> };
  readonly audit: Audit;
}

const transfer = operation({
  id: 'servers.transfer',
  method: 'post',
  path: '/admin/servers/{id}/transfer',
  summary: 'Give a server to another account, with its name and without its agent',
  description:
    'The former owner’s agent is cut off and its key refused from then on; his domains, and everybody with whom he shared it, go too. The new owner adds an agent with a token of his own for this server.',
  auth: 'admin',
  scope: 'none',
  stepUp: 'destructive',
  params: serverId,
  body: z.strictObject({ username: z.string().min(1).max(256) }),
  response: serverSchema,
  async run(caller, { params, body }, services: TransferServices) {
    await requireVisible(caller, params.id, services);
    const account = await services.accounts.findByName(body.username);
    if (account === undefined)
      throw new AccountError('account.unknown', 'there is no account of this name');
    const server = await services.servers.transfer(params.id, account.ownerId);
    const reason = `to ${account.username}`;
    note(services, caller, { event: 'server.transferred', server, reason });
    return serverView(server, caller, services);
  },
});

export const transferOperations: readonly Operation<TransferServices>[] = [transfer];
