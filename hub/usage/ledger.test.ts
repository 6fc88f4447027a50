import { describe, expect, test } from 'vitest';

import { Ledger } from './ledger.ts';
import { LimitBook, type LimitEntry, type LimitStore } from './limit-book.ts';
import type { LimitSubject, TrafficLimits } from './limits.ts';
import type { MeteredRequest } from './meter.ts';
import { RollUp, type TrafficBatch } from './roll-up.ts';

const request: MeteredRequest = {
  id: 'a request',
  target: '/Videos/1/stream.mkv?api_key=secret',
  fields: ['user-agent', 'VLC/3.0'],
  clientAddress: '192.0.2.1',
};
const mine = { serverId: 'mine', ownerId: 'me' };
const account: LimitSubject = { scope: 'account', id: 'me' };
const server: LimitSubject = { scope: 'server', id: 'mine' };

describe('a ledger', () => {
  test('counts what runs and what is over, and gives each byte away once', () => {
    const ledger = new Ledger();
    const meter = ledger.open(request, mine);
    meter.down(10);
    meter.up(1);
    expect(ledger.take()).toMatchObject([
      { serverId: 'mine', ownerId: 'me', counted: { bytesUp: 1, bytesDown: 10 } },
    ]);
    meter.answered(206, 'video/x-matroska');
    meter.down(5);
    meter.close();
    meter.close();
    expect(ledger.take()).toMatchObject([
      { counted: { bytesUp: 0, bytesDown: 5, requests: [0, 1, 0, 0, 0, 0] } },
    ]);
    expect(ledger.take()).toEqual([]);
  });

  test('forgets servers at rest, and its sums do not fall', () => {
    const ledger = new Ledger();
    const meter = ledger.open(request, mine);
    meter.down(7);
    meter.close();
    ledger.take();
    ledger.take();
    expect([...ledger.tallies]).toEqual([]);
    expect(ledger.total()).toMatchObject({ bytesDown: 7, requests: [0, 0, 0, 0, 0, 1] });
    expect(ledger.totalsByServer().get('mine')).toMatchObject({ bytesDown: 7 });
    ledger.open(request, mine).down(1);
    expect(ledger.total().bytesDown).toBe(8);
    expect(ledger.totalsByServer().get('mine')).toMatchObject({ bytesDown: 8 });
  });

  test('names a hundred servers, however many there are', () => {
    const ledger = new Ledger();
    for (let n = 0; n < 150; n += 1)
      ledger.open(request, { serverId: `${n}`, ownerId: 'me' }).down(1);
    expect(ledger.totalsByServer().size).toBe(100);
    expect(ledger.total().bytesDown).toBe(150);
  });

  test('shows a stream without its path', () => {
    const ledger = new Ledger();
    ledger.open(request, mine).answered(206, 'video/x-matroska');
    const [stream] = ledger.live('mine', performance.now());
    expect(stream).toMatchObject({ app: 'VLC', kind: 'video', path: 'playback' });
    expect(JSON.stringify(stream)).not.toMatch(/secret|stream\.mkv/);
  });
});

describe('a limit', () => {
  test('of streams counts those of the server, or of all of the account’s', async () => {
    const { ledger, book } = await limited(account, { streams: 2 });
    const one = ledger.open(request, mine);
    expect(book.refusal(mine)).toBeUndefined();
    ledger.open(request, { serverId: 'other', ownerId: 'me' });
    expect(book.refusal(mine)?.code).toBe('quota.streams');
    expect(book.refusal({ serverId: 'strange', ownerId: 'somebody' })).toBeUndefined();
    one.close();
    expect(book.refusal(mine)).toBeUndefined();
  });

  test('of bytes counts what is stored, what is on its way there, and what still runs', async () => {
    const { ledger, book } = await limited(server, { bytesPerMonth: 100 }, [60]);
    const meter = ledger.open(request, mine);
    meter.down(39);
    expect(book.refusal(mine)).toBeUndefined();
    book.taken(ledger.take());
    meter.down(1);
    expect(book.refusal(mine)).toMatchObject({ code: 'quota.bytes', retryAfterSeconds: 86_400 });
  });

  test('of bytes begins anew with the month of UTC', async () => {
    const { book, turn } = await limited(server, { bytesPerMonth: 100 }, [100]);
    expect(book.refusal(mine)?.code).toBe('quota.bytes');
    turn(new Date('2026-02-01T00:00:00Z'));
    expect(book.refusal(mine)).toBeUndefined();
  });

  test('of the rate holds for what runs already, and ends with it', async () => {
    const { ledger, book, store } = await limited(server, {});
    const meter = ledger.open(request, mine);
    expect(meter.down(10_000_000)).toBe(true);
    await book.set(server, { megabitsPerSecond: 8 });
    const hasRoom = new Promise<void>((resolve) => (meter.onDownRoom = resolve));
    const beganAt = performance.now();
    // 64 KiB may come at once, and 250 KB more take a quarter of a second at a million bytes a second.
    expect(meter.down(350_000)).toBe(false);
    expect(meter.isDownHeld).toBe(true);
    await hasRoom;
    expect(performance.now() - beganAt).toBeGreaterThan(200);
    await book.set(server, {});
    expect(store.entries).toEqual([]);
    expect(meter.down(10_000_000)).toBe(true);
  });

  test('that cannot be read leaves the former ones in force', async () => {
    const { ledger, book, store, failures } = await limited(server, { streams: 1 });
    ledger.open(request, mine);
    store.list = () => Promise.reject(new Error('the database is away'));
    await book.refresh();
    expect(failures).toHaveLength(1);
    expect(book.refusal(mine)?.code).toBe('quota.streams');
  });
});

describe('a rollup', () => {
  test('sends a batch again as it was when its answer was lost, and loses nothing meanwhile', async () => {
    const ledger = new Ledger();
    const sent: TrafficBatch[] = [];
    const add = async (batch: TrafficBatch): Promise<void> => {
      sent.push(batch);
      if (sent.length < 3) throw new Error('the connection broke');
    };
    const rollUp = new RollUp({
      ledger,
      store: { add, read: async () => [], forget: async () => undefined },
      writer: 'this process',
      onTaken: () => undefined,
      onFailure: () => undefined,
    });
    const meter = ledger.open(request, mine);
    for (const bytes of [1, 10, 100, 1000]) {
      meter.down(bytes);
      await rollUp.flush();
    }
    const [first, again, third, ...rest] = sent;
    expect(again).toEqual(first);
    expect(third).toEqual(first);
    expect(first?.sequence).toBe(1);
    const bytes = [third, ...rest].flatMap((batch) => batch?.portions ?? []);
    expect(bytes.reduce((all, { counted }) => all + counted.bytesDown, 0)).toBe(1111);
    expect(rest.map(({ sequence }) => sequence)).toEqual([2, 3]);
  });

  test('counts what moved to the hour in which it moved', async () => {
    const ledger = new Ledger();
    const sent: TrafficBatch[] = [];
    let now = new Date('2026-01-31T22:59:00Z');
    const rollUp = new RollUp({
      ledger,
      store: {
        add: async (batch) => void sent.push(batch),
        read: async () => [],
        forget: async () => undefined,
      },
      writer: 'this process',
      onTaken: () => undefined,
      onFailure: () => undefined,
      now: () => now,
    });
    ledger.open(request, mine).down(1);
    now = new Date('2026-01-31T23:00:00.004Z');
    await rollUp.flush();
    expect(sent[0]?.at).toEqual(new Date('2026-01-31T22:59:00Z'));
  });
});

async function limited(subject: LimitSubject, limits: TrafficLimits, stored: number[] = []) {
  const entries: LimitEntry[] = Object.keys(limits).length === 0 ? [] : [{ subject, limits }];
  const store: LimitStore & { entries: LimitEntry[] } = {
    entries,
    list: async () => [...entries],
    set: async (one, wanted) => {
      entries.splice(0);
      if (wanted !== undefined) entries.push({ subject: one, limits: wanted });
    },
    bytesSince: async (subjects) => subjects.map((_, at) => stored[at] ?? 0),
    watch: async () => () => undefined,
  };
  const failures: unknown[] = [];
  let now = new Date('2026-01-31T00:00:00Z');
  const book = new LimitBook({
    store,
    neighbours: { tell: async () => undefined, listen: async () => () => undefined },
    writer: 'this process',
    now: () => now,
    onFailure: (error) => void failures.push(error),
  });
  const ledger = new Ledger((tally) => book.pace(tally));
  await book.start(ledger);
  return { ledger, book, store, failures, turn: (to: Date) => void (now = to) };
}
