// Wishes about browsers that may skip the second factor arrive; which there are leaves, or their trust ends (security row A-08).

import { z } from '@hono/zod-openapi';

import type { TrustedBrowser, TrustedBrowsers } from '../../accounts/factors/trusted-browsers.ts';
import { doerOf } from './factors.ts';
import { operation, type Operation } from '../operation/operation.ts';

export interface TrustServices {
  readonly trustedBrowsers: TrustedBrowsers;
}

const browserSchema = z
  .object({
    id: z.string(),
    software: z.string(),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi('TrustedBrowser');

const list = operation({
  id: 'trusted-browsers.list',
  method: 'get',
  path: '/account/trusted-browsers',
  summary: 'Browsers that may skip your second factor; there are thirty at most',
  auth: 'login',
  scope: 'account:read',
  stepUp: 'none',
  response: z.object({ items: z.array(browserSchema) }),
  async run({ account }, _input, { trustedBrowsers }: TrustServices) {
    return { items: (await trustedBrowsers.list(account.id)).map(browserJson) };
  },
});

const revoke = operation({
  id: 'trusted-browsers.revoke',
  method: 'delete',
  path: '/account/trusted-browsers/{id}',
  summary: 'Ask this browser for the second factor again',
  auth: 'login',
  scope: 'none',
  // It opens nothing, and whoever has lost a laptop should not have to look for the telephone first.
  stepUp: 'none',
  params: z.object({ id: z.string().max(64) }),
  async run(caller, { params }, { trustedBrowsers }: TrustServices) {
    await trustedBrowsers.revoke(caller.account.id, params.id, doerOf(caller));
  },
});

const revokeAll = operation({
  id: 'trusted-browsers.revoke-all',
  method: 'delete',
  path: '/account/trusted-browsers',
  summary: 'Ask every browser for the second factor again',
  auth: 'login',
  scope: 'none',
  stepUp: 'none',
  async run(caller, _input, { trustedBrowsers }: TrustServices) {
    await trustedBrowsers.revokeAll(caller.account.id, doerOf(caller));
  },
});

export const trustOperations: readonly Operation<TrustServices>[] = [list, revoke, revokeAll];

function browserJson(browser: TrustedBrowser): z.input<typeof browserSchema> {
  return {
    id: browser.id,
    software: browser.software,
    created_at: browser.createdAt.toISOString(),
    last_used_at: browser.lastUsedAt.toISOString(),
    expires_at: browser.expiresAt.toISOString(),
  };
}
