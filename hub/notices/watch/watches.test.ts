import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';

import { MemoryServerAlerts } from '../../../test/support/memory-notices.ts';
import type { Presence } from '../../tunnels/presence.ts';
import { defaultSwitches, type Server } from '../../tunnels/server.ts';
import type { Notice } from '../notice.ts';
import { CertificateWatch, type WatchedCertificate } from './certificate-watch.ts';
import { OfflineWatch } from './offline-watch.ts';

const start = new Date('2026-03-01T12:00:00Z');
const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const log = pino({ level: 'silent' });
const movies: Server = {
  id: 'movies',
  ownerId: 'operator',
  name: 'Movies',
  label: 'movies',
  newOwnerSince: undefined,
  agentId: 'agent',
  switches: defaultSwitches,
  createdAt: start,
  lastSeenAt: undefined,
  revokedAt: undefined,
};

let now = start;
let told: Notice[];
beforeEach(() => {
  now = start;
  told = [];
});
const notices = { tell: (notice: Notice) => void told.push(notice) };

function pass(ms: number): void {
  now = new Date(now.getTime() + ms);
}

describe('a server that goes away', () => {
  let present: Map<string, Presence>;
  let alerts: MemoryServerAlerts;
  let servers: Server[];
  let watch: OfflineWatch;
  let twin: OfflineWatch;
  const connect = () => present.set('movies', { state: 'connected', since: start });
  beforeEach(() => {
    present = new Map();
    alerts = new MemoryServerAlerts();
    servers = [movies];
    const options = {
      presence: { list: async () => present },
      servers: { list: async () => servers },
      alerts,
      notices,
      log,
      now: () => now,
    };
    [watch, twin] = [new OfflineWatch(options), new OfflineWatch(options)];
  });

  it('is told of after ten minutes, once, however many processes look, and when it is back', async () => {
    connect();
    await watch.look();
    present.clear();
    await watch.look();
    pass(10 * minuteMs - 1);
    await watch.look();
    expect(told).toEqual([]);
    pass(1);
    await Promise.all([watch.look(), twin.look()]);
    pass(minuteMs);
    await watch.look();
    expect(told).toEqual([
      {
        kind: 'server.offline',
        to: { kind: 'owner', ownerId: 'operator' },
        facts: { server: 'Movies', since: start, minutes: 10 },
      },
    ]);
    connect();
    await Promise.all([watch.look(), twin.look()]);
    expect(told.slice(1)).toEqual([
      {
        kind: 'server.online',
        to: { kind: 'owner', ownerId: 'operator' },
        facts: { server: 'Movies', offlineMs: 11 * minuteMs },
      },
    ]);
  });

  it('and comes back before that is told of by nobody, and the time begins anew', async () => {
    await watch.look();
    pass(9 * minuteMs);
    connect();
    await watch.look();
    present.clear();
    await watch.look();
    pass(9 * minuteMs);
    await watch.look();
    expect(told).toEqual([]);
  });

  it('is away since it was last seen, where its hub ended without a word', async () => {
    present.set('movies', { state: 'lost', lastSeenAt: start });
    pass(12 * minuteMs);
    await watch.look();
    await watch.look();
    expect(told).toMatchObject([{ facts: { since: start } }]);
  });

  it('is told of when its owner chose, or not at all', async () => {
    await alerts.choose('movies', 2);
    await watch.look();
    pass(2 * minuteMs);
    await watch.look();
    expect(told).toMatchObject([{ kind: 'server.offline', facts: { minutes: 2 } }]);
    told = [];
    const music = { ...movies, id: 'music', name: 'Music' };
    servers = [music];
    await alerts.choose('music', undefined);
    await watch.look();
    pass(dayMs);
    await watch.look();
    expect(told).toEqual([]);
  });

  it('and never had an agent is not away', async () => {
    servers = [{ ...movies, agentId: undefined }];
    await watch.look();
    pass(dayMs);
    await watch.look();
    expect(told).toEqual([]);
  });
});

describe('a certificate', () => {
  let held: WatchedCertificate[];
  const claimed = new Map<string, Date>();
  const once = {
    claim: async (key: string, at: Date, everyMs: number) => {
      const last = claimed.get(key);
      if (last !== undefined && at.getTime() - last.getTime() < everyMs) return false;
      claimed.set(key, at);
      return true;
    },
  };
  const noted: string[] = [];
  const watch = new CertificateWatch({
    held: () => held,
    once,
    notices,
    onExpiring: (names, reason) => noted.push(`${names.join(' ')}: ${reason}`),
    log,
    now: () => now,
  });
  const fine: WatchedCertificate = {
    names: ['hub.example.org'],
    notAfter: new Date(start.getTime() + 7 * dayMs + 1),
    ownerId: undefined,
    failure: undefined,
    wantedSince: start,
  };
  beforeEach(() => {
    claimed.clear();
    noted.length = 0;
  });

  it('that ends within a week is told of once a day, with why', async () => {
    held = [fine];
    await watch.look();
    expect(told).toEqual([]);
    pass(1);
    held = [{ ...fine, failure: 'the authority says no.' }];
    await watch.look();
    await watch.look();
    expect(told).toMatchObject([
      {
        kind: 'certificate.trouble',
        to: { kind: 'admins' },
        facts: { reason: 'the authority says no.' },
      },
    ]);
    expect(noted).toEqual(['hub.example.org: the authority says no.']);
    pass(dayMs);
    await watch.look();
    expect(told).toHaveLength(2);
  });

  it('of a server is told of to its owner, and to the admins', async () => {
    held = [{ ...fine, notAfter: start, ownerId: 'robin' }];
    await watch.look();
    expect(told).toMatchObject([{ to: { kind: 'owner', ownerId: 'robin', andAdmins: true } }]);
  });

  it('that was never issued is told of after two hours', async () => {
    held = [{ ...fine, notAfter: undefined }];
    pass(120 * minuteMs);
    await watch.look();
    expect(told).toEqual([]);
    pass(1);
    await watch.look();
    expect(told).toHaveLength(1);
  });
});
