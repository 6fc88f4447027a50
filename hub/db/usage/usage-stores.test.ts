import { randomUUID, randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { TestStores } from '../../../test/support/stores.ts';
import type { TrafficBatch } from '../../usage/roll-up.ts';
import type { LinkSample, ServerEvent, TrafficQuestion } from '../../usage/usage.ts';
import type { Database } from '../connect.ts';
import { sql } from '../drizzle.ts';
import { PostgresEventStore } from './event-store.ts';
import { PostgresLimitStore } from './limit-store.ts';
import { PostgresLinkSampleStore } from './link-sample-store.ts';
import { PostgresNeighbourPost } from './neighbour-post.ts';
import { PostgresTrafficStore } from './traffic-store.ts';

const noon = new Date('2026-03-01T12:00:30.000Z');
const midnight = new Date('2026-03-01T00:00:00.000Z');
const tomorrow = new Date('2026-03-02T00:00:00.000Z');

describe.each(Object.entries(databaseKinds))('usage, on %s', (_kind, openDatabase) => {
  let opened: TestDatabase;
  let another: Database;
  let serverId: string;

  beforeAll(async () => {
    opened = await openDatabase();
    another = await opened.openAnother();
  });
  afterAll(async () => {
    await another.close();
    await opened.close();
  });
  beforeEach(() => {
    serverId = randomUUIDv7();
  });

  describe('traffic', () => {
    test('of several processes comes together in its hour and its day', async () => {
      const one = new PostgresTrafficStore(opened.database);
      const other = new PostgresTrafficStore(another);
      const later = new Date('2026-03-01T13:59:59.999Z');
      await Promise.all([
        one.add(batch({ up: 1, down: 10, status: 2 })),
        other.add(batch({ up: 2, down: 20, status: 5 })),
        other.add(batch({ up: 4, down: 40, status: 2, at: later })),
      ]);
      const hours = await one.read(question('hour'));
      expect(hours.map(({ at, bytesUp, bytesDown }) => [at, bytesUp, bytesDown])).toEqual([
        [new Date('2026-03-01T12:00:00.000Z'), 3, 30],
        [new Date('2026-03-01T13:00:00.000Z'), 4, 40],
      ]);
      expect(hours[0]?.requests).toEqual({
        '1xx': 0,
        '2xx': 1,
        '3xx': 0,
        '4xx': 0,
        '5xx': 1,
        none: 0,
      });
      expect(await one.read(question('day'))).toMatchObject([
        { at: midnight, bytesUp: 7, bytesDown: 70, requests: { '2xx': 2, '5xx': 1 } },
      ]);
    });

    test('is not added twice when the answer to the first time was lost', async () => {
      const store = new PostgresTrafficStore(opened.database);
      const sent = batch({ up: 1, down: 2, status: 2 });
      await store.add(sent);
      await store.add(sent);
      await store.add({ ...sent, sequence: sent.sequence + 1 });
      expect(await store.read(question('day'))).toMatchObject([{ bytesUp: 2, bytesDown: 4 }]);
    });

    test('of an owner is that of all his servers, and nobody else sees it', async () => {
      const store = new PostgresTrafficStore(opened.database);
      const ownerId = randomUUID();
      for (const id of [randomUUIDv7(), randomUUIDv7()])
        await store.add(batch({ up: 1, down: 1, status: 2, ownerId, serverId: id }));
      const of = (id: string) =>
        store.read({ ...question('day'), subject: { scope: 'account', id } });
      expect(await of(ownerId)).toMatchObject([{ bytesUp: 2, requests: { '2xx': 2 } }]);
      expect(await of(randomUUID())).toEqual([]);
    });

    test('holds more bytes than a 32-bit number', async () => {
      const store = new PostgresTrafficStore(opened.database);
      await store.add(batch({ up: 0, down: 5e12, status: 2 }));
      await store.add(batch({ up: 0, down: 5e12 + 1, status: 2 }));
      expect(await store.read(question('day'))).toMatchObject([{ bytesDown: 1e13 + 1 }]);
    });

    test('that is too old is forgotten', async () => {
      const store = new PostgresTrafficStore(opened.database);
      await store.add(batch({ up: 1, down: 1, status: 2 }));
      await store.forget(new Date(noon.getTime() - 86_400_000));
      expect(await store.read(question('day'))).toHaveLength(1);
      await store.forget(tomorrow);
      expect(await store.read(question('day'))).toEqual([]);
    });
  });

  describe('limits', () => {
    test('are told to every process when they change, and count what was moved since', async () => {
      const store = new PostgresLimitStore(opened.database);
      const told = Promise.withResolvers<void>();
      const stop = await new PostgresLimitStore(another).watch(() => told.resolve());
      const server = { scope: 'server', id: serverId } as const;
      const account = { scope: 'account', id: 'somebody' } as const;
      await store.set(server, { bytesPerMonth: 5e12, streams: 3 });
      await store.set(account, { megabitsPerSecond: 20 });
      await told.promise;
      stop();
      const entries = await store.list();
      expect(entries).toContainEqual({
        subject: server,
        limits: { bytesPerMonth: 5e12, streams: 3 },
      });
      expect(entries).toContainEqual({ subject: account, limits: { megabitsPerSecond: 20 } });
      await new PostgresTrafficStore(opened.database).add(
        batch({ up: 3, down: 4, status: 2, ownerId: 'somebody' }),
      );
      expect(await store.bytesSince([account, server], midnight)).toEqual([7, 7]);
      expect(await store.bytesSince([account, server], tomorrow)).toEqual([0, 0]);
      for (const subject of [server, account]) await store.set(subject, undefined);
      expect(await store.list()).toEqual([]);
    });
  });

  test('what one process says another hears', async () => {
    const heard = Promise.withResolvers<string | undefined>();
    const stop = await new PostgresNeighbourPost(another).listen(heard.resolve);
    await new PostgresNeighbourPost(opened.database).tell('it’s me\nand more');
    expect(await heard.promise).toBe('it’s me\nand more');
    stop();
  });

  describe('link samples', () => {
    const writer = randomUUID();

    test('make the chart of the hour, and means of five minutes for the day', async () => {
      const store = new PostgresLinkSampleStore(opened.database);
      await store.add(writer, at(0), new Map([[serverId, [sample(10, 20), sample(40, 40)]]]));
      await store.add(writer, at(60), new Map([[serverId, [sample(60, 60, undefined)]]]));
      const hour = await store.read(serverId, 'hour', at(0));
      expect(hour).toEqual([sample(10, 20), sample(40, 40), sample(60, 60, undefined)]);
      const day = await store.read(serverId, 'day', at(0));
      expect(day).toEqual([{ ...sample(0, 40), rttMs: 30 }]);
    });

    test('of two processes with links to one server are its samples together', async () => {
      const store = new PostgresLinkSampleStore(opened.database);
      await store.add(writer, at(0), new Map([[serverId, [sample(10, 20)]]]));
      await store.add(randomUUID(), at(0), new Map([[serverId, [sample(10, 50)]]]));
      const [point] = await store.read(serverId, 'hour', at(0));
      expect(point).toMatchObject({ rttMs: 20, bitsPerSecondUp: 70, bitsPerSecondDown: 140 });
    });

    test('stay in the chart of the day when their minutes are condensed, and go behind it', async () => {
      const store = new PostgresLinkSampleStore(opened.database);
      await store.add(writer, at(0), new Map([[serverId, [sample(10, 20), sample(20, 40)]]]));
      const before = await store.read(serverId, 'day', at(0));
      await store.condense(at(2 * 3600));
      expect(await store.read(serverId, 'hour', at(0))).toEqual([]);
      expect(await store.read(serverId, 'day', at(0))).toEqual(before);
      await store.condense(at(26 * 3600));
      expect(await store.read(serverId, 'day', at(0))).toEqual([]);
    });
  });

  describe('events', () => {
    test('are listed youngest first, page by page, with the renames among them', async () => {
      const stores = new TestStores(opened.database);
      stores.now = new Date();
      const { server } = await stores.enrol();
      const store = new PostgresEventStore(opened.database);
      await store.add([event(server.id, 'connected', { software: 'phlix-agent/1' })]);
      await stores.servers.rename(server.id, `films-${server.id.slice(-8)}`);
      await store.add([event(server.id, 'disconnected', { reason: 'ping-timeout' })]);
      const all = await store.list(server.id, { limit: 10 });
      expect(all.map(({ kind }) => kind)).toEqual(['disconnected', 'renamed', 'connected']);
      expect(all[1]?.detail).toMatchObject({ to: `films-${server.id.slice(-8)}` });
      const [first] = await store.list(server.id, { limit: 1 });
      const rest = await store.list(server.id, { limit: 10, before: first?.id ?? '' });
      expect([first, ...rest]).toEqual(all);
    });

    test('leave out that a connected server is connected, and tell it when it was gone', async () => {
      const store = new PostgresEventStore(opened.database);
      await store.add([event(serverId, 'connected')]);
      await store.add([event(serverId, 'connected')]);
      expect(await store.list(serverId, { limit: 9 })).toHaveLength(1);
      await store.add([event(serverId, 'disconnected'), event(serverId, 'connected')]);
      expect(await store.list(serverId, { limit: 9 })).toHaveLength(3);
    });

    test('know which software an agent had before', async () => {
      const store = new PostgresEventStore(opened.database);
      const facts = { software: 'phlix-agent/1', connectedAt: noon };
      expect(await store.noteAgent(serverId, facts)).toBeUndefined();
      expect(await store.noteAgent(serverId, facts)).toBeUndefined();
      const newer = { software: 'phlix-agent/2', connectedAt: tomorrow };
      expect(await store.noteAgent(serverId, newer)).toBe('phlix-agent/1');
      expect(await store.agents([serverId, randomUUIDv7()])).toEqual(new Map([[serverId, newer]]));
    });

    test('that are too old are forgotten', async () => {
      const store = new PostgresEventStore(opened.database);
      await store.add([event(serverId, 'connected')]);
      await store.forget(new Date(Date.now() + 1000));
      expect(await store.list(serverId, { limit: 9 })).toEqual([]);
    });
  });

  test('takes all of ten thousand servers at once', async () => {
    const ids = Array.from({ length: 10_000 }, () => randomUUIDv7());
    const counted = { bytesUp: 1, bytesDown: 1, requests: [0, 1, 0, 0, 0, 0] };
    const portions = ids.map((id) => ({ serverId: id, ownerId: 'many', counted }));
    const store = new PostgresTrafficStore(opened.database);
    await store.add({ writer: randomUUID(), sequence: 1, at: noon, portions });
    const samples = new Map(ids.map((id) => [id, [sample(0, 1)]]));
    await new PostgresLinkSampleStore(opened.database).add(randomUUID(), at(0), samples);
    const subject = { scope: 'account', id: 'many' } as const;
    expect(await store.read({ ...question('hour'), subject })).toMatchObject([
      { bytesUp: 10_000, requests: { '2xx': 10_000 } },
    ]);
    await opened.database.queries.execute(sql`DELETE FROM link_samples`);
  });

  function batch(portion: {
    up: number;
    down: number;
    status: number;
    at?: Date;
    ownerId?: string;
    serverId?: string;
  }): TrafficBatch {
    const requests = [0, 0, 0, 0, 0, 0];
    requests[portion.status - 1] = 1;
    const counted = { bytesUp: portion.up, bytesDown: portion.down, requests };
    const { ownerId = 'operator', at: when = noon } = portion;
    const portions = [{ serverId: portion.serverId ?? serverId, ownerId, counted }];
    return { writer: randomUUID(), sequence: 1, at: when, portions };
  }

  function question(by: 'hour' | 'day'): TrafficQuestion {
    return { subject: { scope: 'server', id: serverId }, by, from: midnight, to: tomorrow };
  }
});

/** Seconds after the beginning of that minute. */
function at(seconds: number): Date {
  return new Date(midnight.getTime() + seconds * 1000);
}

function sample(seconds: number, rate: number, rttMs: number | undefined = rate): LinkSample {
  const isKnown = seconds !== 60;
  return {
    at: at(seconds),
    rttMs: isKnown ? rttMs : undefined,
    queueMs: 2.5,
    bitsPerSecondUp: rate,
    bitsPerSecondDown: 2 * rate,
  };
}

function event(
  serverId: string,
  kind: ServerEvent['kind'],
  detail: Record<string, string> = {},
): ServerEvent {
  return { id: randomUUIDv7(), serverId, at: new Date(), kind, detail };
}
