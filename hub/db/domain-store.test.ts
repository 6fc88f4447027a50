import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { addOwners, start, TestStores } from '../../test/support/stores.ts';
import { isHolder, type DomainClaim, type Revision } from '../tunnels/domains/domain.ts';
import { judge } from '../tunnels/domains/judgement.ts';
import { defaultDomainLimits } from '../tunnels/domains/limits.ts';
import { PostgresDomainStore } from './domain-store.ts';
import { domains } from './schema.ts';

const minuteMs = 60_000;

function after(ms: number): Date {
  return new Date(start.getTime() + ms);
}

/** What a look finds that sees the proofs of these claims, and the way here. */
function sawProofsOf(claims: readonly DomainClaim[], at = after(minuteMs)): Revision {
  const proofs = claims.map(({ token }) => `phlix-verify=${token}`);
  const seen = { at, proofs, way: 'here', strangers: [], isSound: true } as const;
  return (all) => judge(all, seen, defaultDomainLimits, () => 0.5);
}

describe.each(Object.entries(databaseKinds))('domains on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: TestStores;
  let store: PostgresDomainStore;
  let movies: string;
  let music: string;
  let now = start;

  beforeAll(async () => {
    opened = await openTestDatabase();
    await addOwners(opened.database, 'stranger');
    stores = new TestStores(opened.database);
    movies = (await stores.enrol({ name: 'movies' })).server.id;
    music = (await stores.enrol({ name: 'music', ownerId: 'stranger' })).server.id;
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    now = start;
    await opened.database.queries.delete(domains);
    store = new PostgresDomainStore(opened.database, { now: () => now });
  });

  test('begin without rights, and with a token of their own', async () => {
    const first = await store.claim('films.example.org', movies);
    expect(first).toMatchObject({ state: 'waiting', ownerId: 'operator', nextCheckAt: start });
    expect(first.token).toMatch(/^[0-9a-f]{32}$/);
    const second = await store.claim('films.example.org', music);
    expect(second.token).not.toBe(first.token);
    expect(await store.listServed()).toEqual([]);
    expect(await store.listServed(['films.example.org'])).toEqual([]);
    expect(await store.listByHostname('films.example.org')).toEqual([first, second]);
  });

  test('are the same claim however often their server adds them, and a new one after a removal', async () => {
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => store.claim('films.example.org', movies)),
    );
    expect(new Set(claims.map(({ token }) => token)).size).toBe(1);
    const [first] = claims;
    expect(await store.remove(first?.id ?? '')).toBe(true);
    expect(await store.remove(first?.id ?? '')).toBe(false);
    expect((await store.claim('films.example.org', movies)).token).not.toBe(first?.token);
  });

  test('are limited per owner, also for twenty claims at once', async () => {
    store = new PostgresDomainStore(opened.database, { domainsPerOwner: 3 });
    const claims = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.claim(`${n}.example.org`, movies)),
    );
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(claims.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'domain.quota' },
    });
    await expect(store.claim('0.example.org', music)).resolves.toMatchObject({ state: 'waiting' });
  });

  test('need a server that lives', async () => {
    for (const unknown of ['nonsense', '01900000-0000-7000-8000-000000000000']) {
      await expect(store.claim('films.example.org', unknown)).rejects.toMatchObject({
        code: 'server.unknown',
      });
    }
  });

  test('are served once they are proven, and come back from the store as they were written', async () => {
    const claim = await store.claim('films.example.org', movies);
    const [active] = await store.revise('films.example.org', sawProofsOf([claim]));
    expect(active).toMatchObject({ state: 'active', stateSince: after(minuteMs) });
    expect(await store.list()).toEqual([active]);
    const served = { hostname: 'films.example.org', serverId: movies };
    expect(await store.listServed()).toEqual([served]);
    expect(await store.listServed(['films.example.org', "o'brien.example.org", ''])).toEqual([
      served,
    ]);
    expect(await store.listServed(['another.example.org'])).toEqual([]);
    expect(await store.listServed([])).toEqual([]);
  });

  test('of two servers go to one of them, whichever of twenty looks comes first', async () => {
    const claims = [
      await store.claim('films.example.org', movies),
      await store.claim('films.example.org', music),
    ];
    const turns = Array.from({ length: 20 }, (_, n) => claims.slice(n % 2, (n % 2) + 1));
    await Promise.all(
      turns.map((shown, n) =>
        store.revise('films.example.org', sawProofsOf(shown, after(n * minuteMs))),
      ),
    );
    const holders = (await store.list()).filter(isHolder);
    expect(holders).toHaveLength(1);
    expect(await store.listServed()).toHaveLength(1);
  });

  test('move to the server that the DNS names, in one step', async () => {
    const claims = [
      await store.claim('films.example.org', movies),
      await store.claim('films.example.org', music),
    ];
    await store.revise('films.example.org', sawProofsOf(claims.slice(0, 1)));
    const moved = await store.revise('films.example.org', sawProofsOf(claims.slice(1), after(1e6)));
    expect(moved.map(({ state }) => state)).toEqual(['dropped', 'active']);
    expect(await store.listServed()).toMatchObject([{ serverId: music }]);
  });

  test('of a server that is revoked are dropped in the same moment, proven or not', async () => {
    const { server } = await stores.enrol({ name: 'short-lived' });
    const claim = await store.claim('gone.example.org', server.id);
    await store.claim('waiting.example.org', server.id);
    await store.revise('gone.example.org', sawProofsOf([claim]));
    await stores.servers.revoke(server.id);
    expect(await store.listServed()).toEqual([]);
    expect((await store.list()).map(({ dropReason }) => dropReason)).toEqual([
      'revoked',
      'revoked',
    ]);
    await expect(store.claim('gone.example.org', server.id)).rejects.toMatchObject({
      code: 'server.unknown',
    });
    // Its record is still in the DNS: it proves nothing for whoever comes next.
    const next = await store.claim('gone.example.org', music);
    await store.revise('gone.example.org', sawProofsOf([claim], after(1e6)));
    expect(await store.listServed()).toEqual([]);
    expect(next.token).not.toBe(claim.token);
  });

  test('are given out for a look to one process at a time, and again after its lease', async () => {
    const another = await opened.openAnother();
    const other = new PostgresDomainStore(another);
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => store.claim(`${n}.example.org`, movies)),
    );
    const batches = await Promise.all(
      Array.from({ length: 8 }, (_, n) => (n % 2 ? other : store).takeDue(start, 10, minuteMs)),
    );
    const taken = batches.flat();
    expect(new Set(taken).size).toBe(taken.length);
    const rest = await store.takeDue(start, 100, minuteMs);
    expect(new Set([...taken, ...rest]).size).toBe(60);
    expect(await store.takeDue(after(minuteMs - 1), 100, minuteMs)).toEqual([]);
    expect(await store.takeDue(after(minuteMs), 100, minuteMs)).toHaveLength(60);
    await another.close();
  });

  test('come last in turn when their name servers said nothing the last time', async () => {
    const silent = { proof: 'unanswered', way: 'here', strangers: [] } as const;
    for (const hostname of ['silent.example.org', 'films.example.org', 'new.example.org']) {
      now = after(now.getTime() - start.getTime() + 1);
      await store.claim(hostname, movies);
    }
    await store.revise('silent.example.org', (all) =>
      all.map((claim) => ({ ...claim, finding: silent })),
    );
    expect(await store.takeDue(after(minuteMs), 2, minuteMs)).toEqual(
      expect.not.arrayContaining(['silent.example.org']),
    );
    expect(await store.takeDue(after(minuteMs), 2, minuteMs)).toEqual(['silent.example.org']);
  });

  test('are looked at soon when their holder is removed, and not at all once dropped', async () => {
    const claims = [
      await store.claim('films.example.org', movies),
      await store.claim('films.example.org', music),
    ];
    await store.revise('films.example.org', sawProofsOf(claims.slice(0, 1)));
    now = after(2000);
    expect(await store.takeDue(now, 10, minuteMs)).toEqual([]);
    await store.remove(claims[0]?.id ?? '');
    expect(await store.takeDue(now, 10, minuteMs)).toEqual(['films.example.org']);
    await store.revise('films.example.org', (all) =>
      all.map((claim) => ({ ...claim, state: 'dropped', dropReason: 'unproven', stateSince: now })),
    );
    expect(await store.takeDue(after(1e9), 10, minuteMs)).toEqual([]);
    await store.forgetDropped(now);
    expect(await store.list()).toHaveLength(1);
    await store.forgetDropped(after(2001));
    expect(await store.list()).toEqual([]);
  });

  test('tell every process when something changed, and are silent when a look found nothing new', async () => {
    const another = await opened.openAnother();
    const heard = new EventEmitter();
    const all: unknown[] = [];
    await new PostgresDomainStore(another).watch((hostname) => {
      all.push(hostname);
      heard.emit('change');
    });
    const change = async (work: () => Promise<unknown>) => {
      const told = once(heard, 'change', { signal: AbortSignal.timeout(5000) });
      await work();
      await told;
    };
    await change(() => store.claim('films.example.org', movies));
    const [claim] = await store.list();
    if (claim === undefined) throw new Error('no claim');
    await store.revise('films.example.org', sawProofsOf([]));
    await change(() => store.revise('films.example.org', sawProofsOf([claim], after(1e6))));
    await change(() => store.remove(claim.id));
    expect(all).toEqual(Array.from({ length: 3 }, () => 'films.example.org'));
    await another.close();
  });

  test('cannot have two holders, whatever the code would write', async () => {
    await store.claim('films.example.org', movies);
    await store.claim('films.example.org', music);
    await expect(
      store.revise('films.example.org', (all) =>
        all.map((claim) => ({ ...claim, state: 'active' })),
      ),
    ).rejects.toThrow(/domains/);
    expect(await store.listServed()).toEqual([]);
  });
});
