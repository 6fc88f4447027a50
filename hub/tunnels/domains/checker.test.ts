import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { MemoryDomains } from '../../../test/support/memory-domains.ts';
import { DomainChecker } from './checker.ts';
import { defaultDomainLimits } from './limits.ts';
import { Lookout, type DnsQuestions } from './lookout.ts';

const hour = 3_600_000;

let store: MemoryDomains;
let checker: DomainChecker;
let now: Date;
let texts: Map<string, string[]>;
let looks: string[];
let atOnce: { now: number; most: number };
let changes: string[];
let failures: unknown[];
/** The looks wait for it while it is set. */
let gate: Promise<void> | undefined;

const questions: DnsQuestions = {
  texts: async (name) => {
    looks.push(name.replace('_phlix.', ''));
    atOnce.now += 1;
    atOnce.most = Math.max(atOnce.most, atOnce.now);
    await gate;
    atOnce.now -= 1;
    return texts.get(name) ?? [];
  },
  aliases: async () => ['movies.phlix.media'],
  addresses: async () => ['192.0.2.1'],
};

beforeEach(() => {
  now = new Date('2026-03-01T12:00:00Z');
  store = new MemoryDomains(() => now);
  texts = new Map();
  looks = [];
  changes = [];
  failures = [];
  atOnce = { now: 0, most: 0 };
  gate = undefined;
  checker = new DomainChecker({
    store,
    lookout: new Lookout({
      questions,
      own: { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' },
      now: () => now,
    }),
    // The loop turns every 10 ms; what is due says the clock above.
    limits: { ...defaultDomainLimits, checkIntervalMs: 10 },
    targetOf: async () => 'movies.phlix.media',
    onChange: ({ hostname, state }, former) => changes.push(`${hostname}: ${former} -> ${state}`),
    onFailure: (error) => failures.push(error),
    now: () => now,
    random: () => 0.5,
  });
});

afterEach(() => checker.stop());

function prove(hostname: string, token: string): void {
  texts.set(`_phlix.${hostname}`, [`phlix-verify=${token}`]);
}

test('a domain goes through its life while time passes, and each change is told once', async () => {
  const { token } = await store.claim('films.example.org', 'movies');
  await checker.start();
  await vi.waitFor(() => expect(looks).toHaveLength(1));
  prove('films.example.org', token);
  now = new Date(now.getTime() + hour);
  await vi.waitFor(() => expect(changes).toEqual(['films.example.org: waiting -> active']));
  texts.clear();
  now = new Date(now.getTime() + hour);
  await vi.waitFor(() => expect(changes).toHaveLength(2));
  now = new Date(now.getTime() + 24 * hour);
  const seen = looks.length;
  await vi.waitFor(() => expect(looks.length).toBeGreaterThan(seen));
  expect(changes).toHaveLength(2);
  now = new Date(now.getTime() + 7 * 24 * hour);
  await vi.waitFor(() =>
    expect(changes.slice(1)).toEqual([
      'films.example.org: active -> withdrawn',
      'films.example.org: withdrawn -> dropped',
    ]),
  );
  now = new Date(now.getTime() + 31 * 24 * hour);
  await vi.waitFor(() => expect(store.claims.size).toBe(0));
});

test('a thousand due domains are all looked at, sixty-four at a time', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  for (let n = 0; n < 1000; n += 1) await store.claim(`${n}.example.org`, 'movies');
  await checker.start();
  await vi.waitFor(() => expect(atOnce.now).toBe(64));
  resolve();
  await vi.waitFor(() => expect(new Set(looks).size).toBe(1000));
  expect(atOnce.most).toBe(64);
});

describe('a look that was asked for', () => {
  test('is taken though none is due, and tells how all claims stand', async () => {
    const { token } = await store.claim('films.example.org', 'movies');
    await store.claim('films.example.org', 'music');
    prove('films.example.org', token);
    const after = await checker.check('films.example.org');
    expect(after.map(({ serverId, state }) => [serverId, state])).toEqual([
      ['movies', 'active'],
      ['music', 'waiting'],
    ]);
  });

  test('for what nobody claims asks nothing', async () => {
    expect(await checker.check('films.example.org')).toEqual([]);
    expect(looks).toEqual([]);
  });
});

test('one that is slow to look at holds one place of many, and no other waits for it', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  await store.claim('slow.example.org', 'movies');
  await checker.start();
  await vi.waitFor(() => expect(looks).toEqual(['slow.example.org']));
  gate = undefined;
  for (let n = 0; n < 100; n += 1) await store.claim(`${n}.example.org`, 'movies');
  await vi.waitFor(() => expect(looks).toHaveLength(101));
  resolve();
});

test('a stop does not wait for silent name servers, and their silence is not held against anybody', async () => {
  gate = new Promise(() => undefined);
  await store.claim('films.example.org', 'movies');
  const deaf: DnsQuestions = {
    ...questions,
    texts: async (name, signal) =>
      new Promise((resolve) => {
        looks.push(name);
        signal.addEventListener('abort', () => resolve(undefined));
      }),
  };
  const own = { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' };
  const stopping = new DomainChecker({
    store,
    lookout: new Lookout({ questions: deaf, own }),
    limits: { ...defaultDomainLimits, checkIntervalMs: 10 },
    targetOf: async () => 'movies.phlix.media',
    onChange: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  await stopping.start();
  await vi.waitFor(() => expect(looks).not.toEqual([]));
  await stopping.stop();
  expect((await store.list())[0]?.checkedAt).toBeUndefined();
});

test('a database that is away for a while is told about, and waited for', async () => {
  store.failure = new Error('away');
  await store.claim('films.example.org', 'movies');
  await checker.start();
  await vi.waitFor(() => expect(failures).toEqual([store.failure]));
  store.failure = undefined;
  await vi.waitFor(() => expect(looks).not.toEqual([]));
});
