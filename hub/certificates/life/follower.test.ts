import { beforeEach, describe, expect, test } from 'vitest';

import { MemoryCertificateStore } from '../../../test/support/memory-certificates.ts';
import { minuteMs, start, wishFor } from '../../../test/support/certificate-life.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { StoreFollower } from './follower.ts';

let clock: VirtualClock;
let store: MemoryCertificateStore;
let told: string[];
let failures: unknown[];

beforeEach(() => {
  clock = new VirtualClock(start);
  store = new MemoryCertificateStore({ now: clock.now });
  told = [];
  failures = [];
});

const follow = async (): Promise<StoreFollower> =>
  StoreFollower.open({
    store,
    onRow: ({ names, releasedAt }) =>
      told.push(`${names.join(' ')}${releasedAt === undefined ? '' : ' released'}`),
    onGone: () => told.push('gone'),
    onFailure: (error) => failures.push(error),
    setTimer: clock.setTimer,
    pollMs: minuteMs,
  });

const reconcile = async (...names: string[]): Promise<void> =>
  store.reconcile(
    names.map((name) => wishFor(name)),
    clock.now(),
  );

describe('a follower', () => {
  test('tells what is there, and then each change', async () => {
    await reconcile('a.example');
    const follower = await follow();
    expect(told).toEqual(['a.example']);
    await reconcile('a.example', 'b.example');
    await clock.run(1);
    expect(told.slice(1)).toEqual(['b.example']);
    await follower.stop();
  });

  test('tells of a row that is gone', async () => {
    await reconcile('a.example');
    const follower = await follow();
    const [row] = await store.list();
    const lease = await store.takeLease(row?.id ?? '', minuteMs);
    if (lease !== undefined) await store.remove(lease);
    await clock.run(1);
    expect(told.at(-1)).toBe('gone');
    await follower.stop();
  });

  test('finds at the next look what no notice told of, and tells it once', async () => {
    store.watch = async () => async () => {};
    const follower = await follow();
    await reconcile('a.example');
    await clock.run(minuteMs - 1);
    expect(told).toEqual([]);
    await clock.run(10 * minuteMs);
    expect(told).toEqual(['a.example']);
    await follower.stop();
  });

  test('looks at everything after a connection that was lost', async () => {
    const follower = await follow();
    const find = store.find.bind(store);
    store.find = async () => {
      throw new Error('the connection is gone');
    };
    await reconcile('a.example');
    await clock.run(1);
    expect(failures).toHaveLength(1);
    store.find = find;
    store.announceGap();
    await clock.run(1);
    expect(told).toEqual(['a.example']);
    await follower.stop();
  });

  test('reads what failed to be read together with the next change', async () => {
    const follower = await follow();
    const find = store.find.bind(store);
    store.find = async () => {
      throw new Error('the connection is gone');
    };
    await reconcile('a.example');
    await clock.run(1);
    store.find = find;
    await reconcile('a.example', 'b.example');
    await clock.run(1);
    expect(new Set(told)).toEqual(new Set(['a.example', 'b.example']));
    await follower.stop();
  });

  test('of two changes at once tells the last state last', async () => {
    const follower = await follow();
    await reconcile('a.example');
    await reconcile();
    await clock.run(1);
    expect(told.at(-1)).toBe('a.example released');
    await follower.stop();
  });

  test('reads a crowd of changes with one question', async () => {
    store.watch = async () => async () => {};
    const follower = await follow();
    await reconcile(...Array.from({ length: 500 }, (_, index) => `s${index}.example`));
    store.find = async () => {
      throw new Error('one by one');
    };
    await clock.run(minuteMs);
    expect(told).toHaveLength(500);
    expect(failures).toEqual([]);
    await follower.stop();
  });

  test('tells nothing once it was stopped', async () => {
    const follower = await follow();
    await follower.stop();
    await reconcile('a.example');
    await clock.run(10 * minuteMs);
    expect(told).toEqual([]);
  });
});
