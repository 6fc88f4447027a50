import { createHash } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { TokenWorld } from '../../../test/support/token-world.ts';
import { formatToken, parseToken } from '../../accounts/tokens/token-text.ts';
import { accessTokens } from '../token-tables.ts';
import { PostgresTokenStore } from './token-store.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Where a proxy does not say. */
const nowhere = { address: undefined };

describe.each(Object.entries(databaseKinds))('tokens on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let world: TokenWorld;

  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    world = new TokenWorld(opened.database);
  });

  test('a token speaks for its account with its scopes, from everywhere', async () => {
    const caller = world.caller();
    const { text, token } = await world.tokens.create(caller, {
      name: ' my\n script ',
      scopes: ['servers:read', 'usage:read', 'servers:read'],
    });
    expect(token).toMatchObject({ kind: 'personal', name: 'my script', networks: [] });
    expect(token.expiresAt).toEqual(new Date(world.now.getTime() + 90 * dayMs));
    expect(await world.tokens.find(text, nowhere)).toEqual({
      account: caller.account,
      tokenId: token.id,
      scopes: ['servers:read', 'usage:read'],
    });
    expect(world.noted).toMatchObject([{ event: 'token.created', target: token.id, result: 'ok' }]);
    expect(world.told).toMatchObject([{ kind: 'token.created', facts: { name: 'my script' } }]);
    expect(JSON.stringify([world.noted, world.told, token])).not.toContain(text.slice(17));
  });

  test('no secret is kept: a copy of the database opens nothing', async () => {
    const { text } = await world.tokens.create(world.caller(), {
      name: 'script',
      scopes: ['servers:read'],
    });
    const secret = parseToken(text)?.secret ?? '';
    const rows = await opened.database.queries.select().from(accessTokens);
    expect(JSON.stringify(rows)).not.toContain(secret);
    const hash = createHash('sha256').update(secret).digest();
    expect(rows.some(({ secretHash }) => secretHash.equals(hash))).toBe(true);
  });

  test('a wrong secret, an unknown id and another kind open nothing', async () => {
    const { text } = await world.tokens.create(world.caller(), {
      name: 'script',
      scopes: ['servers:read'],
    });
    const said = parseToken(text);
    if (said === undefined) throw new Error('no token');
    const { id, secret } = said;
    const others = [
      formatToken({ kind: 'personal', id, secret: secret.toLowerCase() }),
      formatToken({ kind: 'personal', id: '00000000', secret }),
      formatToken({ kind: 'device', id, secret }),
    ];
    for (const other of others) expect(await world.tokens.find(other, nowhere)).toBeUndefined();
    expect(await world.tokens.find(text, nowhere)).toBeDefined();
  });

  test('it ends with its time, and a device’s also when it rests for half a year', async () => {
    const caller = world.caller();
    const wish = { name: 'script', scopes: ['servers:read'] as const, lifeMs: hourMs };
    const { text } = await world.tokens.create(caller, wish);
    world.pass(hourMs - 1);
    expect(await world.tokens.find(text, nowhere)).toBeDefined();
    world.pass(1);
    expect(await world.tokens.find(text, nowhere)).toBeUndefined();
    expect(await world.tokens.list(caller.account.id)).toHaveLength(1);
  });

  test.each([
    [{ lifeMs: hourMs - 1 }, /one hour to 365 days/],
    [{ lifeMs: 365 * dayMs + 1 }, /one hour to 365 days/],
    [{ lifeMs: Number.NaN }, /one hour to 365 days/],
    [{ scopes: [] }, /at least one scope/],
    [{ scopes: ['servers:read', 'admin:write'] as const }, /only an admin/],
    [{ scopes: ['audit:read'] as const }, /only an admin/],
    [{ name: ' \u0000\u200B ' }, /1 to 64/],
    [{ name: 'x'.repeat(65) }, /1 to 64/],
    [{ networks: ['10.0.0.1/8'] }, /bits set behind its prefix/],
    [{ networks: ['10.0.0.0/33'] }, /prefix/],
    [{ networks: Array<string>(21).fill('10.0.0.0/8') }, /20 networks/],
  ])('none is made with %j', async (change, sentence) => {
    const wish = { name: 'script', scopes: ['servers:read'] as const, ...change };
    const refused = world.tokens.create(world.caller(), wish);
    await expect(refused).rejects.toMatchObject({ code: 'token.options' });
    await expect(refused).rejects.toThrow(sentence);
  });

  test('an admin’s scopes go when the admin is none any more, and all when the account is suspended', async () => {
    const account = world.account({ role: 'admin' });
    const wish = { name: 'script', scopes: ['servers:read', 'admin:write', 'audit:read'] as const };
    const { text } = await world.tokens.create(world.caller(account), wish);
    expect((await world.tokens.find(text, nowhere))?.scopes).toEqual(wish.scopes);
    world.account({ ...account, role: 'owner' });
    expect((await world.tokens.find(text, nowhere))?.scopes).toEqual(['servers:read']);
    world.account({ ...account, state: 'suspended' });
    expect(await world.tokens.find(text, nowhere)).toBeUndefined();
    world.accounts.delete(account.id);
    expect(await world.tokens.find(text, nowhere)).toBeUndefined();
  });

  test('outside its networks, or those of its account, it is refused and noted', async () => {
    const account = world.account();
    const { text } = await world.tokens.create(world.caller(account), {
      name: 'script',
      scopes: ['servers:read'],
      networks: ['192.0.2.0/24', '2001:db8::/32'],
    });
    for (const address of ['192.0.2.255', '2001:db8:1::1'])
      expect(await world.tokens.find(text, { address })).toBeDefined();
    for (const address of ['192.0.3.0', '2001:db9::1', undefined])
      await expect(world.tokens.find(text, { address })).rejects.toMatchObject({
        code: 'token.network',
      });
    expect(world.noted.at(-1)).toMatchObject({ event: 'token.denied', result: 'denied' });
    world.account({ ...account, networks: ['192.0.2.9/32'] });
    await expect(world.tokens.find(text, { address: '192.0.2.8' })).rejects.toMatchObject({
      code: 'token.network',
    });
    expect(await world.tokens.find(text, { address: '192.0.2.9' })).toBeDefined();
  });

  test('its last use is known to the minute', async () => {
    const caller = world.caller();
    const { text } = await world.tokens.create(caller, { name: 's', scopes: ['servers:read'] });
    const lastUse = async () => (await world.tokens.list(caller.account.id))[0];
    expect(await lastUse()).toMatchObject({ lastUsedAt: undefined });
    const first = world.now;
    await world.tokens.find(text, { address: '192.0.2.1' });
    world.pass(59_999);
    await world.tokens.find(text, { address: '192.0.2.2' });
    expect(await lastUse()).toMatchObject({ lastUsedAt: first, lastUsedFrom: '192.0.2.1' });
    world.pass(1);
    await world.tokens.find(text, { address: '192.0.2.2' });
    expect(await lastUse()).toMatchObject({ lastUsedAt: world.now, lastUsedFrom: '192.0.2.2' });
  });

  test('what is revoked ends at once, in another process within a second', async () => {
    const another = await opened.openAnother();
    try {
      const caller = world.caller();
      const { text, token } = await world.tokens.create(caller, {
        name: 's',
        scopes: ['servers:read'],
      });
      const told = Promise.withResolvers<string | undefined>();
      const elsewhere = new PostgresTokenStore(another);
      await elsewhere.watch(told.resolve);
      const beganAt = performance.now();
      await world.tokens.revoke(caller, token.id);
      expect(await told.promise).toBe(token.id);
      expect(performance.now() - beganAt).toBeLessThan(10_000);
      expect(await world.tokens.find(text, nowhere)).toBeUndefined();
    } finally {
      await another.close();
    }
  });

  test('nobody reaches another account’s tokens', async () => {
    const { text, token } = await world.tokens.create(world.caller(), {
      name: 's',
      scopes: ['servers:read'],
    });
    const stranger = world.caller();
    for (const attempt of [
      async () => world.tokens.revoke(stranger, token.id),
      async () => world.tokens.rename(stranger, token.id, 'mine'),
      async () => world.tokens.revoke(stranger, "'; DROP TABLE access_tokens"),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'token.unknown' });
    expect(await world.tokens.find(text, nowhere)).toBeDefined();
    expect(await world.tokens.list(stranger.account.id)).toEqual([]);
  });

  test('fifty at most, also of a hundred at once; what expired long ago makes room', async () => {
    const caller = world.caller();
    const make = () =>
      world.tokens.create(caller, { name: 's', scopes: ['servers:read'], lifeMs: hourMs });
    const made = await Promise.allSettled(Array.from({ length: 100 }, make));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    await expect(make()).rejects.toMatchObject({ code: 'token.quota' });
    world.pass(31 * dayMs);
    await expect(make()).resolves.toBeDefined();
  });

  test('all of an account end together, with what it approved and no device has fetched', async () => {
    const caller = world.caller();
    const { text } = await world.tokens.create(caller, { name: 's', scopes: ['servers:read'] });
    const { userCode, deviceCode } = await world.opened();
    await world.devices.approve(caller, userCode);
    expect(await world.tokens.revokeAll(caller.account.id)).toBe(1);
    expect(await world.tokens.find(text, nowhere)).toBeUndefined();
    expect(await world.devices.poll(deviceCode, 'phlix-tv')).toEqual({ kind: 'invalid' });
  });
});
