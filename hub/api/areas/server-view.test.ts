import { expect, test } from 'vitest';

import type { Account } from '../../accounts/account.ts';
import { defaultSwitches, type Server } from '../../tunnels/server.ts';
import { reachOf, requireVisible, type SignedIn } from './server-view.ts';

const account: Account = {
  id: 'ada',
  ownerId: 'ada',
  username: 'ada',
  key: 'ada',
  email: undefined,
  emailVerifiedAt: undefined,
  role: 'admin',
  state: 'active',
  createdAt: new Date(0),
  lastLoginAt: undefined,
  passwordBreached: false,
  networks: [],
};

const serverOf = (ownerId: string): Server => ({
  id: ownerId,
  ownerId,
  name: 'Movies',
  label: 'movies',
  switches: defaultSwitches,
  createdAt: new Date(0),
  newOwnerSince: undefined,
  agentId: undefined,
  lastSeenAt: undefined,
  revokedAt: undefined,
  suspension: undefined,
});

/** An admin's token, which is asked from inside or outside of where admins come from. */
function adminFrom(isOutside: boolean): SignedIn {
  const asked = { address: '192.0.2.7', requestId: 'r1', isOutside };
  return { kind: 'token', ...asked, account, tokenId: 't1', scopes: ['servers:read'] };
}

const stores = {
  servers: { find: async (id: string) => serverOf(id) },
  sharing: {
    list: async () => [],
    isMember: async () => false,
    members: async () => [],
    add: async () => undefined,
    remove: async () => false,
  },
} as unknown as Parameters<typeof requireVisible>[2];

test('an admin sees every server where admins come from, and elsewhere his own alone (E-13)', async () => {
  expect(reachOf(adminFrom(false))).toBe('all');
  expect(reachOf(adminFrom(true))).toEqual({ ownerId: 'ada', accountId: 'ada' });
  for (const isOutside of [false, true])
    expect(await requireVisible(adminFrom(isOutside), 'ada', stores)).toMatchObject({ id: 'ada' });
  expect(await requireVisible(adminFrom(false), 'robin', stores)).toMatchObject({ id: 'robin' });
  await expect(requireVisible(adminFrom(true), 'robin', stores)).rejects.toMatchObject({
    code: 'api.not-found',
  });
});
