import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { newKey, redemption, succession, TestStores, type Key } from '../../test/support/stores.ts';
import { eq } from './drizzle.ts';
import { agents } from './schema.ts';
import type { Succession } from '../tunnels/rotation.ts';

const refused = { code: 'rotate.refused' };

describe.each(Object.entries(databaseKinds))('a new key on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: TestStores;

  beforeAll(async () => {
    opened = await openTestDatabase();
    stores = new TestStores(opened.database);
  });
  afterAll(() => opened.close());

  async function enrolled(): Promise<{ key: Key; serverId: string; agentId: string }> {
    const key = newKey();
    const { text } = await stores.enrolment.createToken();
    const { server, agentId } = await stores.enrolment.redeem(
      redemption(text, key, { claim: false }),
    );
    return { key, agentId, serverId: server.id };
  }

  test('takes the place of the former one, which is known as replaced; said twice it is done once', async () => {
    const { key, agentId: former, serverId } = await enrolled();
    const next = newKey();
    const told: unknown[] = [];
    stores.rotation.onSucceeded((succeeded) => told.push(succeeded.former));
    const first = await stores.rotation.succeed(succession(key, next));
    const again = await stores.rotation.succeed(succession(key, next));
    expect(first).toMatchObject({ former, server: { id: serverId } });
    expect(again).toMatchObject({ former: undefined, agentId: first.agentId });
    expect(told).toEqual([former]);
    expect(await stores.servers.findAgent(former)).toMatchObject({
      isRevoked: true,
      isReplaced: true,
    });
    expect(await stores.servers.find(serverId)).toMatchObject({
      agentId: first.agentId,
      formerKey: { agentId: former, epoch: 7n },
    });
    await expect(stores.rotation.succeed(succession(key))).rejects.toMatchObject(refused);
  });

  test('of several that want one place at once, one gets it', async () => {
    const { key, serverId } = await enrolled();
    const rivals = Array.from({ length: 8 }, newKey);
    const outcomes = await Promise.allSettled(
      rivals.map(async (rival) => stores.rotation.succeed(succession(key, rival))),
    );
    const won = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.agentId] : []));
    expect(won).toHaveLength(1);
    expect((await stores.servers.find(serverId))?.agentId).toBe(won[0]);
  });

  test('goes on from the latest key that is known, and gives each in between as replaced', async () => {
    const { key, agentId, serverId } = await enrolled();
    const [second, third] = [newKey(), newKey()];
    const { agentId: last } = await stores.rotation.succeed(succession(key, second, third));
    expect(await stores.servers.find(serverId)).toMatchObject({ agentId: last });
    expect(await stores.servers.findAgent(agentId)).toMatchObject({ isReplaced: true });
    await expect(stores.rotation.succeed(succession(key, second))).rejects.toMatchObject(refused);
  });

  test('is not given to a server that was removed, nor to a key that another server had', async () => {
    const removed = await enrolled();
    await stores.servers.revoke(removed.serverId);
    const wish = succession(removed.key, newKey());
    await expect(stores.rotation.succeed(wish)).rejects.toMatchObject(refused);
    const [one, other] = [await enrolled(), await enrolled()];
    await expect(stores.rotation.succeed(succession(one.key, other.key))).resolves.toMatchObject({
      agentId: other.agentId,
      former: undefined,
    });
    expect((await stores.servers.find(one.serverId))?.agentId).toBe(one.agentId);
  });

  test('is given to a server ten times in ten minutes, and not once more', async () => {
    const { key, serverId, agentId } = await enrolled();
    let last = key;
    for (let count = 0; count < 10; count += 1) {
      const next = newKey();
      expect((await stores.rotation.succeed(succession(last, next))).former).toBeDefined();
      last = next;
    }
    const known = await stores.servers.find(serverId);
    await expect(stores.rotation.succeed(succession(last, newKey()))).rejects.toMatchObject({
      code: 'enrol.rate-limited',
      retryAfterMs: expect.closeTo(600_000, -5),
    });
    expect(await stores.servers.find(serverId)).toMatchObject({ agentId: known?.agentId });
    // Said again it is done already, and costs nothing.
    const again = await stores.rotation.succeed(succession(last));
    expect(again).toMatchObject({ former: undefined });
    expect(again.agentId).not.toBe(agentId);
  });

  test('leaves the newest 32 former keys, and the one that a token was used by', async () => {
    const { key, serverId, agentId } = await enrolled();
    const used: string[] = [];
    let last = key;
    for (let count = 0; count < 5; count += 1) {
      const keys = Array.from({ length: 7 }, newKey);
      stores.now = new Date(stores.now.getTime() + 1000);
      used.push((await stores.rotation.succeed(succession(last, ...keys))).agentId);
      last = keys.at(-1) ?? last;
    }
    const rows = await opened.database.queries
      .select()
      .from(agents)
      .where(eq(agents.serverId, serverId));
    // The present one, 32 former ones, and the first, which the token names.
    expect(rows).toHaveLength(1 + 32 + 1);
    expect(rows.map((row) => row.agentId)).toEqual(expect.arrayContaining([agentId, ...used]));
    expect((await stores.servers.find(serverId))?.agentId).toBe(used.at(-1));
  });

  test('is not given for a chain with any byte changed, cut or out of order', async () => {
    const { key, agentId, serverId } = await enrolled();
    const damage = fc.record({
      part: fc.constantFrom('keys', 'statements', 'signature', 'nonce', 'exporter', 'order', 'cut'),
      at: fc.nat(31),
      bit: fc.nat(7),
    });
    await fc.assert(
      fc.asyncProperty(damage, async (what) => {
        const whole = succession(key, newKey(), newKey());
        await expect(stores.rotation.succeed(damaged(whole, what))).rejects.toMatchObject(refused);
      }),
      { numRuns: 60 },
    );
    expect((await stores.servers.find(serverId))?.agentId).toBe(agentId);
  });
});

function damaged(
  whole: Succession,
  { part, at, bit }: { part: string; at: number; bit: number },
): Succession {
  const flipped = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at);
    return copy;
  };
  switch (part) {
    case 'keys':
      return { ...whole, keys: whole.keys.map((key, i) => (i === at % 3 ? flipped(key) : key)) };
    case 'statements':
      return {
        ...whole,
        statements: whole.statements.map((one, i) => (i === at % 2 ? flipped(one) : one)),
      };
    case 'order':
      return { ...whole, keys: whole.keys.toReversed() };
    case 'cut':
      return { ...whole, statements: whole.statements.slice(1) };
    case 'signature':
      return { ...whole, signature: flipped(whole.signature) };
    case 'nonce':
      return { ...whole, nonce: flipped(whole.nonce) };
    default:
      return { ...whole, exporter: flipped(whole.exporter) };
  }
}
