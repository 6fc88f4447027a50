import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import {
  addOwners,
  newKey,
  redemption,
  succession,
  TestStores,
} from '../../test/support/stores.ts';
import { defaultNameLimits as limits } from '../tunnels/limits.ts';
import { enrolmentTokens } from './schema.ts';

describe.each(Object.entries(databaseKinds))('a server given away on %s', (_kind, open) => {
  let opened: TestDatabase;
  let stores: TestStores;

  beforeAll(async () => {
    opened = await open();
    await addOwners(opened.database, 'ann', 'bob');
    stores = new TestStores(opened.database, { ...limits, namesPerOwner: 1 });
  });
  afterAll(() => opened.close());

  async function enrolled(label: string) {
    const key = newKey();
    const { text } = await stores.enrolment.createToken({ label, ownerId: 'ann' });
    const { server, agentId } = await stores.enrolment.redeem(redemption(text, key));
    return { key, agentId, id: server.id };
  }

  test('keeps its name and loses its agent, whose key neither connects nor changes any more', async () => {
    const { key, agentId, id } = await enrolled('given-away');
    const { text: waiting } = await stores.enrolment.createToken({ serverId: id, ownerId: 'ann' });
    const server = await stores.servers.transfer(id, 'bob');
    expect(server).toMatchObject({ ownerId: 'bob', label: 'given-away', agentId: undefined });
    expect(server.newOwnerSince).toEqual(stores.now);
    expect(await stores.servers.findAgent(agentId)).toMatchObject({
      isRevoked: true,
      isReplaced: false,
    });
    await expect(stores.rotation.succeed(succession(key, newKey()))).rejects.toMatchObject({
      code: 'rotate.refused',
    });
    // A token that the former owner had in hand opens nothing, and one of the new owner does.
    await expect(stores.enrolment.redeem(redemption(waiting, newKey()))).rejects.toMatchObject({
      code: 'server.unknown',
    });
    const { text } = await stores.enrolment.createToken({ serverId: id, ownerId: 'bob' });
    const again = await stores.enrolment.redeem(redemption(text, newKey()));
    expect(again.server).toMatchObject({ id, ownerId: 'bob', label: 'given-away' });
    const used = await opened.database.queries
      .select()
      .from(enrolmentTokens)
      .where(eq(enrolmentTokens.usedBy, again.agentId));
    expect(used).toHaveLength(1);
  });

  test('stays where it is when the other one may not have another name', async () => {
    const { id } = await enrolled('one-too-many');
    await expect(stores.servers.transfer(id, 'bob')).rejects.toMatchObject({ code: 'name.quota' });
    expect((await stores.servers.find(id))?.ownerId).toBe('ann');
  });

  test('of nobody is nobody’s', async () => {
    const nobody = stores.servers.transfer('0198c0de-0000-7000-8000-000000000000', 'bob');
    await expect(nobody).rejects.toMatchObject({ code: 'server.unknown' });
  });
});
