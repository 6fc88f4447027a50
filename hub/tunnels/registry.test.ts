import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { TestLink } from '../../test/support/test-link.ts';
import { Tunnels } from './registry.ts';
import { defaultSwitches, type Server, type ServerStore } from './server.ts';
import type { LiveLink } from './tunnel.ts';

const domain = 'phlix.media';

let servers: Map<string, Server>;
let tunnels: Tunnels;
let tellChange: (serverId: string | undefined) => void;
let failures: unknown[];
let rivals: unknown[][];
let domains: Map<string, string>;
let isStoreDown: boolean;

beforeEach(async () => {
  servers = new Map();
  failures = [];
  rivals = [];
  domains = new Map();
  isStoreDown = false;
  tunnels = new Tunnels({
    store: memoryStore(),
    tenantDomain: domain,
    domains: { serverOf: (hostname) => domains.get(hostname) },
    addressesOf: ({ label }) => (label === undefined ? [] : [`https://${label}.${domain}:8443`]),
    onFailure: (error) => failures.push(error),
    onRivals: (serverId, { loser, winner }) => rivals.push([serverId, loser, winner]),
    graceMs: 1000,
    recheckMs: 60_000,
  });
  keep(server('1', { label: 'movies' }));
  await tunnels.start();
});

afterEach(() => tunnels.stop());

describe('a hostname', () => {
  test('of a server without a link has a tunnel without links', () => {
    expect(tunnels.find('movies.phlix.media')).toMatchObject({ serverId: '1', links: [] });
  });

  test('that nobody has is unknown', () => {
    expect(tunnels.find('music.phlix.media')).toBeUndefined();
    expect(tunnels.find('phlix.media')).toBeUndefined();
    expect(tunnels.find('__proto__')).toBeUndefined();
  });

  test('is known from when its agent is told it, before the store has said a word', () => {
    tunnels.introduce(server('9', { label: 'fresh' }));
    expect(tunnels.find('fresh.phlix.media')).toMatchObject({ serverId: '9' });
    tunnels.introduce(server('1', { label: 'older' }));
    expect(tunnels.find('older.phlix.media')).toBeUndefined();
    expect(tunnels.find('movies.phlix.media')).toBeDefined();
  });

  test('keeps one tunnel for as long as its server lives, whatever is read again and whoever is linked', async () => {
    const before = tunnels.find('movies.phlix.media');
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    await change(undefined);
    tunnels.detach('1', link);
    await change('1');
    expect(tunnels.find('movies.phlix.media')).toBe(before);
  });

  test('is offline again when its link ends', () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    expect(linksOf('movies')).toEqual([link]);
    tunnels.detach('1', link);
    expect(linksOf('movies')).toEqual([]);
  });

  test('is awaited when the hub has started and its server was ever seen', async () => {
    expect(tunnels.find('movies.phlix.media')?.awaitedMs).toBe(0);
    await tunnels.stop();
    keep(server('1', { label: 'movies', lastSeenAt: new Date() }));
    await tunnels.start();
    expect(tunnels.find('movies.phlix.media')?.awaitedMs).toBeGreaterThan(0);
  });

  test('is awaited from when its agent can come, unless it is there', async () => {
    keep(server('1', { label: 'movies', lastSeenAt: new Date() }));
    await change('1');
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    tunnels.expectAgents();
    expect(tunnels.find('movies.phlix.media')?.awaitedMs).toBe(0);
    link.isLeaving = true;
    tunnels.detach('1', link);
    expect(tunnels.find('movies.phlix.media')?.awaitedMs).toBe(0);
    tunnels.expectAgents();
    expect(tunnels.find('movies.phlix.media')?.awaitedMs).toBeGreaterThan(0);
  });

  test('has the switches that its server has now', async () => {
    expect(tunnels.find('movies.phlix.media')?.switches.http2).toBe(true);
    keep(server('1', { label: 'movies', switches: { ...defaultSwitches, http2: false } }));
    await change('1');
    expect(tunnels.find('movies.phlix.media')?.switches.http2).toBe(false);
  });
});

test('of two agents with one key the earlier is told about, as often as it comes', () => {
  const [winner, loser] = [
    new TestLink('agent 1', { epoch: 2n }),
    new TestLink('agent 1', { epoch: 1n }),
  ];
  tunnels.attach('1', winner);
  tunnels.attach('1', loser);
  tunnels.attach('1', loser);
  expect(rivals).toEqual([
    ['1', loser, winner],
    ['1', loser, winner],
  ]);
});

test('an agent that asks whether it may come in while a later one is here is a rival, and the links stay', () => {
  const winner = new TestLink('agent 1', { epoch: 2n });
  const loser = { agentId: 'agent 1', epoch: 1n, address: '203.0.113.9' };
  expect(tunnels.isOutranked('1', loser)).toBe(false);
  tunnels.attach('1', winner);
  expect([1n, 2n, 3n].map((epoch) => tunnels.isOutranked('1', { ...loser, epoch }))).toEqual([
    true,
    false,
    false,
  ]);
  // A key that came in the place of the other's is no rival of it.
  expect(tunnels.isOutranked('1', { ...loser, agentId: 'agent 2' })).toBe(false);
  expect(rivals).toEqual([['1', loser, winner]]);
  expect(winner.ended).toEqual([]);
});

describe('a domain of an owner', () => {
  test('has the tunnel of its server, under whatever label, for as long as the server lives', async () => {
    domains.set('films.example.org', '1');
    const tunnel = tunnels.find('movies.phlix.media');
    expect(tunnels.find('films.example.org')).toBe(tunnel);
    keep(server('1', { label: 'cinema' }));
    await change('1');
    expect(tunnels.find('films.example.org')).toBe(tunnel);
    servers.delete('1');
    await change('1');
    expect(tunnels.find('films.example.org')).toBeUndefined();
  });

  test('of a server that is not there is unknown', () => {
    domains.set('films.example.org', '99');
    expect(tunnels.find('films.example.org')).toBeUndefined();
  });

  test('takes no label’s place, whatever the store says', async () => {
    keep(server('2', { label: 'music' }));
    await change('2');
    domains.set('movies.phlix.media', '2');
    expect(tunnels.find('movies.phlix.media')).toMatchObject({ serverId: '1' });
  });

  test('is told to its agent when it comes or goes', () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    tunnels.announce('1');
    tunnels.announce('nobody');
    expect(link.announced).toEqual([['https://movies.phlix.media:8443']]);
  });
});

describe('a change', () => {
  test('of the name is valid at once and told to the agent', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { label: 'cinema' }));
    await change('1');
    expect(tunnels.find('movies.phlix.media')).toBeUndefined();
    expect(linksOf('cinema')).toHaveLength(1);
    expect(link.announced).toEqual([['https://cinema.phlix.media:8443']]);
    expect(link.ended).toEqual([]);
  });

  test('that swaps two names leaves both servers reachable', async () => {
    keep(server('2', { label: 'music' }));
    await change('2');
    keep(server('1', { label: 'music' }));
    keep(server('2', { label: 'movies' }));
    await change('1');
    await change('2');
    expect(tunnels.find('music.phlix.media')).toMatchObject({ serverId: '1' });
    expect(tunnels.find('movies.phlix.media')).toMatchObject({ serverId: '2' });
  });

  test('that revokes the server cuts its link and forgets its name', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { revokedAt: new Date() }));
    await change('1');
    expect(link.ended).toEqual(['revoked']);
    expect(tunnels.find('movies.phlix.media')).toBeUndefined();
  });

  test('that suspends the server cuts its link, keeps its name, and lets nobody wait or come', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { label: 'movies', suspension: { since: new Date(), reason: 'why' } }));
    await change('1');
    expect(link.ended).toEqual(['suspended']);
    const tunnel = tunnels.find('movies.phlix.media');
    expect(tunnel).toMatchObject({ isSuspended: true, links: [], awaitedMs: 0 });
    const forever = new AbortController().signal;
    expect(await tunnel?.nextLink(forever)).toBeUndefined();
    const next = new TestLink('agent 1', { epoch: 2n });
    tunnels.attach('1', next);
    expect(next.ended).toEqual(['suspended']);
    keep(server('1', { label: 'movies' }));
    await change('1');
    const last = new TestLink('agent 1', { epoch: 3n });
    tunnels.attach('1', last);
    expect(tunnels.find('movies.phlix.media')).toMatchObject({ isSuspended: false, links: [last] });
  });

  test('that suspends the server ends the wait of whoever hoped for a link', async () => {
    const waiting = tunnels.find('movies.phlix.media')?.nextLink(new AbortController().signal);
    keep(server('1', { label: 'movies', suspension: { since: new Date(), reason: 'why' } }));
    await change('1');
    expect(await waiting).toBeUndefined();
  });

  test('that was missed is found when everything is read again', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { revokedAt: new Date() }));
    keep(server('2', { label: 'music' }));
    await change(undefined);
    expect(link.ended).toEqual(['revoked']);
    expect(linksOf('music')).toEqual([]);
  });

  test('of the key cuts the link of the former key, not that of the new one', async () => {
    const former = new TestLink('agent 1');
    tunnels.attach('1', former);
    keep(server('1', { label: 'movies', agentId: 'agent 1b' }));
    await change('1');
    expect(former.ended).toEqual(['revoked']);
    const current = new TestLink('agent 1b', { epoch: 2n });
    tunnels.attach('1', current);
    await change('1');
    expect(current.ended).toEqual([]);
    expect(linksOf('movies')).toHaveLength(1);
  });

  test('is read again later if the store does not answer', async () => {
    vi.useFakeTimers();
    try {
      isStoreDown = true;
      keep(server('2', { label: 'music' }));
      tellChange('2');
      await vi.advanceTimersByTimeAsync(0);
      expect(failures).toHaveLength(1);
      isStoreDown = false;
      await vi.advanceTimersByTimeAsync(1000);
      expect(linksOf('music')).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('without a notification is found by the slow recheck', async () => {
    vi.useFakeTimers();
    try {
      tellChange(undefined);
      await vi.advanceTimersByTimeAsync(0);
      keep(server('2', { label: 'music' }));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(linksOf('music')).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a link that arrives before its server is known', () => {
  test('goes online when the store knows the server', async () => {
    keep(server('2', { label: 'music' }));
    const link = new TestLink('agent 2');
    tunnels.attach('2', link);
    await settle();
    expect(linksOf('music')).toHaveLength(1);
    expect(link.announced).toEqual([['https://music.phlix.media:8443']]);
  });

  test('is cut when the store does not', async () => {
    const link = new TestLink('agent 3');
    tunnels.attach('3', link);
    await settle();
    expect(link.ended).toEqual(['revoked']);
  });

  test('of a server without a name stays, and is told its name when it gets one', async () => {
    keep(server('2', {}));
    const link = new TestLink('agent 2');
    tunnels.attach('2', link);
    await settle();
    expect(link.ended).toEqual([]);
    keep(server('2', { label: 'music' }));
    await change('2');
    expect(link.announced.at(-1)).toEqual(['https://music.phlix.media:8443']);
  });
});

function keep(changed: Server): void {
  servers.set(changed.id, changed);
}

async function change(serverId: string | undefined): Promise<void> {
  tellChange(serverId);
  await settle();
}

/** Everything in memory answers within one turn of the event loop. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function server(id: string, change: Partial<Server>): Server {
  return {
    id,
    ownerId: 'operator',
    name: `server ${id}`,
    label: undefined,
    newOwnerSince: undefined,
    agentId: `agent ${id}`,
    switches: defaultSwitches,
    createdAt: new Date(0),
    lastSeenAt: undefined,
    revokedAt: undefined,
    ...change,
  };
}

function memoryStore(): ServerStore {
  return {
    find: (id) => answer(servers.get(id)),
    list: () => answer([...servers.values()].filter(({ revokedAt }) => revokedAt === undefined)),
    watch: (onChange) => {
      tellChange = onChange;
      return Promise.resolve(() => Promise.resolve());
    },
    findAgent: unused,
    findByLabel: unused,
    rename: unused,
    changeSwitches: unused,
    revoke: unused,
    suspend: unused,
    resume: unused,
    transfer: unused,
    touch: unused,
    nextEpoch: unused,
  };
}

function answer<Result>(result: Result): Promise<Result> {
  return isStoreDown ? Promise.reject(new Error('the database is down')) : Promise.resolve(result);
}

function unused(): Promise<never> {
  return Promise.reject(new Error('the registry only reads'));
}

function linksOf(label: string): readonly LiveLink[] | undefined {
  return tunnels.find(`${label}.${domain}`)?.links;
}
