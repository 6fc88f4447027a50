import { randomUUIDv7 } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../test/support/databases.ts';
import { TestStores } from '../../test/support/stores.ts';
import { accounts } from './account-tables.ts';
import { owners } from './schema.ts';
import { PostgresServerSharing } from './server-sharing.ts';

describe.each(Object.entries(databaseKinds))('shared servers on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let stores: TestStores;
  let sharing: PostgresServerSharing;

  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    stores = new TestStores(opened.database);
    sharing = new PostgresServerSharing(opened.database, { keyOf });
  });

  async function person(): Promise<{ id: string; ownerId: string; username: string }> {
    const id = randomUUIDv7();
    const username = `Robin-${id}`;
    await opened.database.queries.insert(owners).values({ id });
    await opened.database.queries.insert(accounts).values({
      id,
      ownerId: id,
      username,
      key: username.toLowerCase(),
      role: 'owner',
      state: 'active',
      createdAt: new Date(),
    });
    return { id, ownerId: id, username };
  }

  const all = { after: undefined, limit: 100 };

  test('are listed to their owner, to members, and to nobody else', async () => {
    const [owner, member, stranger] = [await person(), await person(), await person()];
    const { server } = await stores.enrol({ ownerId: owner.ownerId });
    await sharing.addMember(server.id, member.username.toUpperCase());
    const seenBy = async ({ id: accountId, ownerId }: typeof owner) =>
      (await sharing.list({ accountId, ownerId }, all)).map(({ id }) => id);
    expect(await seenBy(owner)).toEqual([server.id]);
    expect(await seenBy(member)).toEqual([server.id]);
    expect(await seenBy(stranger)).toEqual([]);
    expect((await sharing.list('all', all)).map(({ id }) => id)).toContain(server.id);
    expect(await sharing.isMember(server.id, member.id)).toBe(true);
    expect(await sharing.isMember(server.id, owner.id)).toBe(false);

    await stores.servers.revoke(server.id);
    expect(await seenBy(member)).toEqual([]);
  });

  test('come in pages that neither repeat nor skip', async () => {
    const owner = await person();
    const reach = { accountId: owner.id, ownerId: owner.ownerId };
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1)
      made.push((await stores.enrol({ ownerId: owner.ownerId })).server.id);
    const pages: string[] = [];
    for (let after: string | undefined; pages.length < 5; after = pages.at(-1)) {
      const page = await sharing.list(reach, { after, limit: 2 });
      pages.push(...page.map(({ id }) => id));
    }
    expect(pages).toEqual(made.toSorted((a, b) => a.localeCompare(b)));
  });

  test('know a member once, however often he is added, and forget him when he is removed', async () => {
    const [owner, member] = [await person(), await person()];
    const { server } = await stores.enrol({ ownerId: owner.ownerId });
    const first = await sharing.addMember(server.id, member.username);
    expect(first).toMatchObject({ accountId: member.id, username: member.username });
    expect(await sharing.addMember(server.id, member.username)).toEqual(first);
    expect(await sharing.members(server.id)).toEqual([first]);
    expect(await sharing.removeMember(server.id, member.id)).toBe(true);
    expect(await sharing.removeMember(server.id, member.id)).toBe(false);
    expect(await sharing.isMember(server.id, member.id)).toBe(false);
  });

  test('are not shared with their own owner, nor with nobody', async () => {
    const owner = await person();
    const { server } = await stores.enrol({ ownerId: owner.ownerId });
    expect(await sharing.addMember(server.id, owner.username)).toBeUndefined();
    expect(await sharing.addMember(server.id, 'nobody')).toBeUndefined();
    expect(await sharing.addMember(server.id, 'no\0body')).toBeUndefined();
    expect(await sharing.members('no id')).toEqual([]);
  });

  test('tell every process when somebody may see them, or no more', async () => {
    const [owner, member] = [await person(), await person()];
    const { server } = await stores.enrol({ ownerId: owner.ownerId });
    const told: (string | undefined)[] = [];
    const stop = await stores.servers.watch((id) => told.push(id));
    const heard = async (count: number) => {
      await expect.poll(() => told.filter((id) => id === server.id).length).toBe(count);
    };
    await sharing.addMember(server.id, member.username);
    await heard(1);
    await sharing.removeMember(server.id, member.id);
    await heard(2);
    await stop();
  });
});

function keyOf(username: string): string {
  return username.toLowerCase();
}
