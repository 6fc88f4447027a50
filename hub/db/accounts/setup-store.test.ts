import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { goodPassword, strangerAt, TestPeople } from '../../../test/support/people.ts';
import type { LoginCaller } from '../../accounts/caller.ts';
import { serverMembers } from '../account-tables.ts';
import { sql } from '../drizzle.ts';
import { servers } from '../schema.ts';

const dayMs = 24 * 60 * 60 * 1000;
const profile = (username: string) => ({ username, password: goodPassword });

describe.each(Object.entries(databaseKinds))('the first admin on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;

  beforeAll(async () => {
    opened = await open();
    people = new TestPeople(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await people.clear();
  });

  const token = async () => (await people.setup.token(undefined)) ?? '';

  test('comes by the token, owns what the operator owned, and is signed in', async () => {
    const entered = await people.setup.redeem(await token(), profile('Robin'), strangerAt());
    expect(entered.account).toMatchObject({ role: 'admin', ownerId: 'operator', key: 'robin' });
    expect(entered.login.restriction).toBeUndefined();
    expect(await people.logins.find(entered.secret, { address: '192.0.2.7' })).toBeDefined();
    expect(people.events).toContain('admin.setup');
    await people.enter('robin');
  });

  test('who chose no password may only enrol what he signs in by', async () => {
    const wish = { username: 'Robin' };
    const { login, secret } = await people.setup.redeem(await token(), wish, strangerAt());
    expect(login.restriction).toBe('enrol');
    expect(await people.logins.find(secret, { address: '192.0.2.7' })).toMatchObject({
      login: { restriction: 'enrol' },
    });
  });

  test('is one of however many bring the token at the same moment', async () => {
    const secret = await token();
    const all = await Promise.allSettled(
      ['one', 'two', 'three', 'four'].map((name) =>
        people.setup.redeem(secret, profile(name), strangerAt()),
      ),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const { rows } = await opened.database.queries.execute(sql`SELECT id FROM accounts`);
    expect(rows).toHaveLength(1);
  });

  test('is the only one: the token opens nothing again, and no other is made', async () => {
    const secret = await token();
    const spare = await token();
    await people.setup.redeem(secret, profile('robin'), strangerAt());
    for (const again of [secret, spare]) {
      const second = people.setup.redeem(again, profile('ada'), strangerAt());
      await expect(second).rejects.toMatchObject({ code: 'setup.done' });
    }
    expect(await people.setup.token(spare)).toBeUndefined();
    expect(await people.setup.isOpen()).toBe(false);
  });

  test('does not come by a token that is wrong, no token, or older than a day', async () => {
    const secret = await token();
    const { hashes } = people.passwords;
    people.later(dayMs);
    for (const wrong of [secret, 'A'.repeat(43), '', `${secret}x`, '\0']) {
      const tried = people.setup.redeem(wrong, profile('robin'), strangerAt());
      await expect(tried).rejects.toMatchObject({ code: 'setup.token' });
    }
    expect(people.passwords.hashes).toBe(hashes);
  });

  test('is shown the same token after a restart while it lives, then another', async () => {
    const secret = await token();
    expect(await people.setup.token(secret)).toBe(secret);
    people.later(dayMs);
    expect(await people.setup.token(secret)).not.toBe(secret);
  });

  test('leaves the token alone when something he chose will not do', async () => {
    const secret = await token();
    for (const [wish, code] of [
      [{ username: 'x', password: goodPassword }, 'account.username'],
      [{ username: 'robin', password: 'short' }, 'account.password-weak'],
      [{ ...profile('robin'), email: 'a@b' }, 'account.email'],
    ] as const) {
      await expect(people.setup.redeem(secret, wish, strangerAt())).rejects.toMatchObject({ code });
    }
    people.breach = 'found';
    await expect(people.setup.redeem(secret, profile('robin'), strangerAt())).rejects.toMatchObject(
      { code: 'account.password-breached' },
    );
    people.breach = 'unknown';
    await people.setup.redeem(secret, profile('robin'), strangerAt());
  });
});

describe.each(Object.entries(databaseKinds))('invitations on %s', (_kind, open) => {
  let opened: TestDatabase;
  let people: TestPeople;

  beforeAll(async () => {
    opened = await open();
    people = new TestPeople(opened.database);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await people.clear();
  });

  async function caller(name: string): Promise<LoginCaller> {
    const { account, login } = await people.enter(name);
    return { kind: 'login', account, login, address: '192.0.2.7', requestId: 'r' };
  }

  test('make one account each, with the role that they are for', async () => {
    const { invitation, secret } = await people.invitations.invite({ role: 'owner' }, 'host');
    expect(await people.invitations.find(secret, strangerAt())).toEqual(invitation);
    const entered = await people.invitations.redeem(secret, profile('robin'), strangerAt());
    expect(entered.account).toMatchObject({ role: 'owner', ownerId: entered.account.id });
    const again = people.invitations.redeem(secret, profile('ada'), strangerAt());
    await expect(again).rejects.toMatchObject({ code: 'invite.invalid' });
    expect(await people.invitations.list()).toEqual([]);
  });

  test('make a member of the server that they are for', async () => {
    const serverId = '01990000-0000-7000-8000-000000000001';
    await opened.database.queries
      .insert(servers)
      .values({ id: serverId, ownerId: 'operator', name: 'movies', createdAt: people.now })
      .onConflictDoNothing();
    const wish = { role: 'member', serverId } as const;
    const { secret } = await people.invitations.invite(wish, 'host');
    const { account } = await people.invitations.redeem(secret, profile('robin'), strangerAt());
    const members = await opened.database.queries.select().from(serverMembers);
    expect(members).toMatchObject([{ serverId, accountId: account.id }]);
  });

  test('of which many come at once make one account', async () => {
    const { secret } = await people.invitations.invite({ role: 'member' }, 'host');
    const all = await Promise.allSettled(
      ['one', 'two', 'three', 'four'].map((name) =>
        people.invitations.redeem(secret, profile(name), strangerAt()),
      ),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('are good for seven days, and not when they are taken back', async () => {
    const { secret } = await people.invitations.invite({ role: 'member' }, 'host');
    const { invitation, secret: other } = await people.invitations.invite(
      { role: 'owner' },
      'host',
    );
    await people.invitations.withdraw(invitation.id, 'host');
    await expect(people.invitations.find(other, strangerAt())).rejects.toMatchObject({
      code: 'invite.invalid',
    });
    await expect(people.invitations.withdraw(invitation.id, 'host')).rejects.toMatchObject({
      code: 'invite.unknown',
    });
    people.later(7 * dayMs - 1);
    await people.invitations.find(secret, strangerAt());
    people.later(1);
    await expect(
      people.invitations.redeem(secret, profile('robin'), strangerAt()),
    ).rejects.toMatchObject({ code: 'invite.invalid' });
  });

  test('stay good when the name is taken, in whatever case it is written', async () => {
    await people.add('Straße');
    const { secret } = await people.invitations.invite({ role: 'member' }, 'host');
    for (const name of ['Straße', 'STRASSE'.replace('SS', 'ß')]) {
      const taken = people.invitations.redeem(secret, profile(name), strangerAt());
      await expect(taken).rejects.toMatchObject({ code: 'account.exists' });
    }
    await people.invitations.redeem(secret, profile('robin'), strangerAt());
  });

  test('of one person are a hundred at most, and go with that person', async () => {
    await people.add('ada', { role: 'admin' });
    await people.add('robin', { role: 'admin' });
    const robin = await caller('robin');
    for (let i = 0; i < 100; i++) await people.invitations.invite({ role: 'member' }, robin);
    await expect(people.invitations.invite({ role: 'member' }, robin)).rejects.toMatchObject({
      code: 'invite.invalid',
    });
    await people.accounts.remove(robin.account, 'host');
    expect(await people.invitations.list()).toEqual([]);
  });
});
