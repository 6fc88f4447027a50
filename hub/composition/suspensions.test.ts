import { beforeEach, expect, test, vi } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import { MemoryStores } from '../../test/support/memory-stores.ts';
import type { Notice } from '../notices/notice.ts';
import { Opened } from './opened.ts';
import type { Stores } from './stores.ts';
import { tellSuspensions } from './suspensions.ts';
import { defaultSwitches } from '../tunnels/server.ts';

const log = createLogger({ level: 'silent', name: 'test' });
const hourMs = 3_600_000;

let stores: MemoryStores;
let claimed: Set<string>;
let told: Notice[];

beforeEach(() => {
  stores = new MemoryStores();
  claimed = new Set();
  told = [];
  stores.byId.set('1', {
    id: '1',
    ownerId: 'olga',
    name: 'Movies',
    label: 'movies',
    newOwnerSince: undefined,
    agentId: undefined,
    switches: defaultSwitches,
    createdAt: new Date(),
    lastSeenAt: undefined,
    revokedAt: undefined,
  });
});

/** One process of the hub; what it claims, no other may tell. */
async function startProcess(): Promise<Opened> {
  const once = {
    claim: async (key: string) => !claimed.has(key) && claimed.add(key) !== undefined,
  };
  const parts = { servers: stores.servers, notices: { once } };
  const opened = new Opened(log);
  await tellSuspensions(
    { tell: (notice) => void told.push(notice) },
    { stores: parts as unknown as Stores, log, opened },
  );
  return opened;
}

const to = { kind: 'owner', ownerId: 'olga' };

test('the owner is told once by all processes that a server is suspended, with the reason, and that it is resumed', async () => {
  await startProcess();
  await startProcess();
  await stores.servers.suspend('1', 'report 117');
  await vi.waitFor(() => expect(told).toHaveLength(1));
  await stores.servers.resume('1');
  await vi.waitFor(() => expect(told).toHaveLength(2));
  expect(told).toEqual([
    { kind: 'server.suspended', to, facts: { server: 'Movies', reason: 'report 117' } },
    { kind: 'server.resumed', to, facts: { server: 'Movies' } },
  ]);
});

test('what was said while no hub ran is told when it is back, within a day', async () => {
  const server = await stores.servers.suspend('1', 'report 117');
  await startProcess();
  await vi.waitFor(() => expect(told).toHaveLength(1));
  claimed.clear();
  const since = new Date(Date.now() - 25 * hourMs);
  stores.byId.set('1', { ...server, suspension: { since, reason: 'long ago' } });
  const later = await startProcess();
  await later.close();
  expect(told).toHaveLength(1);
});
