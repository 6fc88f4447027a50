import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { MemoryDomains } from '../../../test/support/memory-domains.ts';
import type { DomainState } from './domain.ts';
import { LiveDomains } from './live.ts';

let store: MemoryDomains;
let live: LiveDomains;
let changed: string[];
let failures: unknown[];

beforeEach(async () => {
  store = new MemoryDomains();
  changed = [];
  failures = [];
  live = new LiveDomains({
    store,
    onChange: (serverId) => changed.push(serverId),
    onFailure: (error) => failures.push(error),
    recheckMs: 50,
  });
  await put('films.example.org', 'movies', 'active');
  await live.start();
});

afterEach(() => live.stop());

async function put(hostname: string, serverId: string, state: DomainState): Promise<void> {
  store.put({ ...(await store.claim(hostname, serverId)), state });
}

describe('a proven domain', () => {
  test('is known from the start', () => {
    expect(live.serverOf('films.example.org')).toBe('movies');
    expect(live.hostnamesOf('movies')).toEqual(['films.example.org']);
    expect(live.serverOf('__proto__')).toBeUndefined();
  });

  test.each<[DomainState, string | undefined]>([
    ['waiting', undefined],
    ['active', 'music'],
    ['unreachable', 'music'],
    ['withdrawn', 'music'],
    ['dropped', undefined],
  ])('that is %s is served by %s', async (state, serverId) => {
    await put('songs.example.org', 'music', state);
    await put('last.example.org', 'last', 'active');
    await expect.poll(() => live.serverOf('last.example.org')).toBe('last');
    expect(live.serverOf('songs.example.org')).toBe(serverId);
  });

  test('that moves belongs to its new server alone, and both are told', async () => {
    const [claim] = await store.list();
    if (claim === undefined) throw new Error('no claim');
    store.put({ ...claim, serverId: 'music' });
    await expect.poll(() => live.serverOf('films.example.org')).toBe('music');
    expect(live.hostnamesOf('movies')).toEqual([]);
    expect(changed).toEqual(['movies', 'movies', 'music']);
  });

  test('that is removed is gone at once', async () => {
    const [claim] = await store.list();
    await store.remove(claim?.id ?? '');
    await expect.poll(() => live.serverOf('films.example.org')).toBeUndefined();
    expect(live.hostnamesOf('movies')).toEqual([]);
  });
});

test('a message that was lost is made up for by the next look', async () => {
  store.claims.clear();
  await expect.poll(() => live.serverOf('films.example.org')).toBeUndefined();
});

test('what could not be read is tried again', async () => {
  store.failure = new Error('the database is away');
  await put('songs.example.org', 'music', 'active');
  await vi.waitFor(() => expect(failures).not.toEqual([]));
  expect(live.serverOf('films.example.org')).toBe('movies');
  store.failure = undefined;
  await expect.poll(() => live.serverOf('songs.example.org')).toBe('music');
});

test('a thousand changes while one is being read are then read together', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const asked: (number | undefined)[] = [];
  const listServed = store.listServed.bind(store);
  store.listServed = async (hostnames) => {
    asked.push(hostnames?.length);
    await promise;
    return listServed(hostnames);
  };
  for (let n = 0; n < 500; n += 1) await put(`${n}.example.org`, 'many', 'active');
  resolve();
  await expect.poll(() => live.hostnamesOf('many').length).toBe(500);
  expect(asked.slice(0, 2)).toEqual([1, 500]);
});
