import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { GoawayReason } from '../../shared/wire/codes.ts';
import { type TunnelLink, Tunnels, type TunnelStream } from './registry.ts';
import { defaultSwitches, type Server, type ServerStore } from './server.ts';

const domain = 'phlix.media';

let servers: Map<string, Server>;
let tunnels: Tunnels;
let tellChange: (serverId: string | undefined) => void;
let failures: unknown[];
let isStoreDown: boolean;

beforeEach(async () => {
  servers = new Map();
  failures = [];
  isStoreDown = false;
  tunnels = new Tunnels({
    store: memoryStore(),
    tenantDomain: domain,
    addressOf: (hostname) => `https://${hostname}:8443`,
    onFailure: (error) => failures.push(error),
    recheckMs: 60_000,
  });
  keep(server('1', { label: 'movies' }));
  await tunnels.start();
});

afterEach(() => tunnels.stop());

describe('a hostname', () => {
  test('of a server without a link is offline, with its name', () => {
    expect(tunnels.find('movies.phlix.media')).toEqual({
      state: 'offline',
      serverId: '1',
      name: 'server 1',
    });
  });

  test('that nobody has is unknown', () => {
    expect(tunnels.find('music.phlix.media')).toBeUndefined();
    expect(tunnels.find('phlix.media')).toBeUndefined();
    expect(tunnels.find('__proto__')).toBeUndefined();
  });

  test('of a linked server opens streams on that link', () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    const found = tunnels.find('movies.phlix.media');
    expect(found).toMatchObject({ state: 'online', tunnel: { serverId: '1' } });
    if (found?.state === 'online') found.tunnel.openStream();
    expect(link.opened).toBe(1);
  });

  test('keeps one tunnel for as long as its link lasts, whatever is read again', async () => {
    tunnels.attach('1', new TestLink('agent 1'));
    const before = tunnels.find('movies.phlix.media');
    await change(undefined);
    await change('1');
    expect(tunnels.find('movies.phlix.media')).toBe(before);
  });

  test('is offline again when its link ends', () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    tunnels.detach('1', link);
    expect(tunnels.find('movies.phlix.media')?.state).toBe('offline');
    expect(tunnels.list()).toEqual([
      { serverId: '1', name: 'server 1', hostname: 'movies.phlix.media', isOnline: false },
    ]);
  });
});

describe('a tunnel is retired, so that its idle streams end, when', () => {
  test.each<[string, (link: TestLink) => unknown]>([
    ['its link ends or drains', (link) => tunnels.detach('1', link)],
    ['a newer link takes over', () => tunnels.attach('1', new TestLink('agent 1', 2n))],
    [
      'its server is renamed',
      async () => {
        keep(server('1', { label: 'cinema' }));
        await change('1');
      },
    ],
  ])('%s', async (_, happen) => {
    const link = new TestLink('agent 1', 1n);
    tunnels.attach('1', link);
    const found = tunnels.find('movies.phlix.media');
    if (found?.state !== 'online') throw new Error('not online');
    expect(found.tunnel.retired.aborted).toBe(false);
    await happen(link);
    expect(found.tunnel.retired.aborted).toBe(true);
  });
});

describe('a second link of a server', () => {
  test('that is newer replaces the first, whose end changes nothing any more', () => {
    const [older, newer] = [new TestLink('agent 1', 1n), new TestLink('agent 1', 2n)];
    tunnels.attach('1', older);
    tunnels.attach('1', newer);
    expect(older.ended).toEqual(['replaced']);
    expect(newer.ended).toEqual([]);
    tunnels.detach('1', older);
    expect(tunnels.find('movies.phlix.media')?.state).toBe('online');
  });

  test('that is older but arrives late is turned away', () => {
    const [older, newer] = [new TestLink('agent 1', 1n), new TestLink('agent 1', 2n)];
    tunnels.attach('1', newer);
    tunnels.attach('1', older);
    expect(older.ended).toEqual(['replaced']);
    expect(newer.ended).toEqual([]);
  });
});

describe('a change', () => {
  test('of the name is valid at once and told to the agent', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { label: 'cinema' }));
    await change('1');
    expect(tunnels.find('movies.phlix.media')).toBeUndefined();
    expect(tunnels.find('cinema.phlix.media')?.state).toBe('online');
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

  test('that was missed is found when everything is read again', async () => {
    const link = new TestLink('agent 1');
    tunnels.attach('1', link);
    keep(server('1', { revokedAt: new Date() }));
    keep(server('2', { label: 'music' }));
    await change(undefined);
    expect(link.ended).toEqual(['revoked']);
    expect(tunnels.find('music.phlix.media')?.state).toBe('offline');
  });

  test('of the key cuts the link of the former key, not that of the new one', async () => {
    const former = new TestLink('agent 1');
    tunnels.attach('1', former);
    keep(server('1', { label: 'movies', agentId: 'agent 1b' }));
    await change('1');
    expect(former.ended).toEqual(['revoked']);
    const current = new TestLink('agent 1b', 2n);
    tunnels.attach('1', current);
    await change('1');
    expect(current.ended).toEqual([]);
    expect(tunnels.find('movies.phlix.media')?.state).toBe('online');
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
      expect(tunnels.find('music.phlix.media')?.state).toBe('offline');
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
      expect(tunnels.find('music.phlix.media')?.state).toBe('offline');
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
    expect(tunnels.find('music.phlix.media')?.state).toBe('online');
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
    expect(tunnels.addressesOf('2')).toEqual([]);
    keep(server('2', { label: 'music' }));
    await change('2');
    expect(link.announced.at(-1)).toEqual(['https://music.phlix.media:8443']);
    expect(tunnels.addressesOf('2')).toEqual(['https://music.phlix.media:8443']);
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

class TestLink implements TunnelLink {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly ended: GoawayReason[] = [];
  readonly announced: string[][] = [];
  opened = 0;

  constructor(agentId: string, epoch = 1n) {
    this.agentId = agentId;
    this.epoch = epoch;
  }

  openStream(): TunnelStream {
    this.opened++;
    return {} as TunnelStream;
  }

  end(reason: GoawayReason): void {
    this.ended.push(reason);
  }

  announce(addresses: string[]): void {
    this.announced.push(addresses);
  }
}
