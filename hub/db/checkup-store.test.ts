import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { addOwners, newKey, redemption, start, TestStores } from '../../test/support/stores.ts';
import type { Checkup } from '../tunnels/checkup.ts';
import { PostgresCheckupStore } from './checkup-store.ts';

const later = new Date(start.getTime() + 60_000);

function checkup(message: string, change: Partial<Checkup> = {}): Checkup {
  const findings = [{ check: 'origin.reachable', state: 'ok' as const, message }];
  return { part: 'home', lookedAt: start, findings, ...change };
}

describe.each(Object.entries(databaseKinds))('what agents found, on %s', (_kind, open) => {
  let opened: TestDatabase;
  let stores: TestStores;
  let store: PostgresCheckupStore;

  beforeAll(async () => {
    opened = await open();
    await addOwners(opened.database, 'ann', 'bob');
    stores = new TestStores(opened.database);
    store = new PostgresCheckupStore(opened.database);
  });
  afterAll(() => opened.close());

  async function enrolled(label: string): Promise<{ agentId: string; id: string }> {
    const { text } = await stores.enrolment.createToken({ label, ownerId: 'ann' });
    const { server, agentId } = await stores.enrolment.redeem(redemption(text, newKey()));
    return { agentId, id: server.id };
  }

  test('is kept by server and part, the newest of each', async () => {
    const [one, other] = [await enrolled('one'), await enrolled('other')];
    expect(await store.list(one.id)).toEqual([]);
    const line = checkup('wide', { part: 'line' });
    for (const told of [checkup('first'), line, checkup('second', { lookedAt: later })])
      expect(await store.keep(one.agentId, told)).toBeDefined();
    await store.keep(one.agentId, checkup('came late'));
    expect(await store.list(one.id)).toEqual([checkup('second', { lookedAt: later }), line]);
    expect(await store.list(other.id)).toEqual([]);
  });

  test('is kept with when the line was measured last, whichever part it is', async () => {
    const { agentId } = await enrolled('measured');
    const keep = (change: Partial<Checkup>) => store.keep(agentId, checkup('news', change));
    expect(await keep({})).toEqual({ lineLookedAt: undefined });
    expect(await keep({ part: 'line', lookedAt: later })).toEqual({ lineLookedAt: later });
    expect(await keep({})).toEqual({ lineLookedAt: later });
    // What came late says nothing new, either.
    expect(await keep({ part: 'line' })).toEqual({ lineLookedAt: later });
  });

  test('is news to whoever watches, in every process', async () => {
    const { agentId, id } = await enrolled('watched');
    const heard = Promise.withResolvers<string | undefined>();
    const another = await opened.openAnother();
    await new PostgresCheckupStore(another).watch(heard.resolve);
    await store.keep(agentId, checkup('news'));
    expect(await heard.promise).toBe(id);
    await another.close();
  });

  test('that came late is no news to anybody', async () => {
    const [late, other] = [await enrolled('late'), await enrolled('later')];
    const heard: (string | undefined)[] = [];
    const stop = await store.watch((id) => heard.push(id));
    await store.keep(late.agentId, checkup('second', { lookedAt: later }));
    await store.keep(late.agentId, checkup('first'));
    await store.keep(other.agentId, checkup('last'));
    await expect.poll(() => heard).toContain(other.id);
    stop();
    expect(heard).toEqual([late.id, other.id]);
  });

  test.each(['revoke', 'transfer'] as const)(
    'goes when somebody does %s the server, and its former agent tells nothing more',
    async (what) => {
      const { agentId, id } = await enrolled(`to-${what}`);
      await store.keep(agentId, checkup('of a home'));
      await stores.servers[what](id, 'bob');
      expect(await store.list(id)).toEqual([]);
      expect(await store.keep(agentId, checkup('again'))).toBeUndefined();
      expect(await store.list(id)).toEqual([]);
    },
  );

  test('of a key that nobody knows is not kept', async () => {
    expect(await store.keep('nobody', checkup('hello'))).toBeUndefined();
  });
});
