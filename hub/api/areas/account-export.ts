// Somebody asks for everything that the hub holds about him, or an admin for it on his behalf; it leaves as one file of JSON.

import { Buffer } from 'node:buffer';

import { z } from '@hono/zod-openapi';

import { AccountError } from '../../accounts/account-error.ts';
import type { Account } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import type { Travel } from '../../accounts/login/travel.ts';
import { exportOf, type PersonalRecords } from '../../accounts/export.ts';
import { noted } from '../../accounts/noted.ts';
import type { Audit } from '../../audit/audit.ts';
import { operation, type Operation } from '../operation/operation.ts';
import type { Stream } from '../operation/reply.ts';
import type { SignedIn } from './server-view.ts';

export interface AccountExportServices {
  readonly accounts: Pick<Accounts, 'find'>;
  readonly personalRecords: PersonalRecords;
  readonly travel: Pick<Travel, 'placeOf'>;
  readonly audit: Audit;
}

/** Of the file as a whole: which columns a table has, the table says. */
const exportSchema = z
  .object({
    exported_at: z.iso.datetime(),
    about: z.string(),
    account: z.object({ id: z.uuid(), username: z.string() }),
    records: z.record(z.string(), z.array(z.looseObject({}))),
  })
  .openapi('AccountExport');

const own = operation({
  id: 'account.export',
  method: 'get',
  path: '/account/export',
  summary: 'Everything that the hub holds about you, as one file; nothing in it opens anything',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  produces: 'application/json',
  response: exportSchema,
  run: async (caller, _input, services: AccountExportServices) =>
    fileOf(caller.account, caller, services),
});

const another = operation({
  id: 'users.export',
  method: 'get',
  path: '/admin/users/{id}/export',
  summary: 'Everything that the hub holds about an account, for whoever cannot fetch it himself',
  auth: 'admin',
  scope: 'none',
  stepUp: 'none',
  params: z.object({ id: z.uuid() }),
  produces: 'application/json',
  response: exportSchema,
  async run(caller, { params }, services: AccountExportServices) {
    const account = await services.accounts.find(params.id);
    if (account === undefined)
      throw new AccountError('account.unknown', 'there is no such account (any more)');
    return fileOf(account, caller, services);
  },
});

export const accountExportOperations: readonly Operation<AccountExportServices>[] = [own, another];

async function fileOf(
  account: Account,
  caller: SignedIn,
  { personalRecords: records, travel, audit }: AccountExportServices,
): Promise<Stream> {
  const now = new Date();
  const file = await exportOf(account, { records, travel, now });
  audit.note({
    ...noted(caller),
    event: 'admin.account-exported',
    target: account.username,
    result: 'ok',
  });
  const bytes = Buffer.from(`${JSON.stringify(file, undefined, 2)}\n`);
  const content = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return { content, fileName: `phlix-hub-${now.toISOString().slice(0, 10)}.json` };
}
