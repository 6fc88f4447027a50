import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { databaseKinds, type TestDatabase } from '../../../test/support/databases.ts';
import { networkAround } from '../../../shared/net-address.ts';
import { TokenWorld } from '../../../test/support/token-world.ts';
import { deviceRequests } from '../token-tables.ts';

const app = 'phlix-tv';
const dayMs = 24 * 3_600_000;

/** Where a proxy does not say. */
const nowhere = { address: undefined };

describe.each(Object.entries(databaseKinds))('devices on %s', (_kind, openTestDatabase) => {
  let opened: TestDatabase;
  let world: TokenWorld;

  beforeAll(async () => {
    opened = await openTestDatabase();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.database.queries.delete(deviceRequests);
    world = new TokenWorld(opened.database);
  });

  const begin = async (address: string | undefined) =>
    world.devices.begin({ app, deviceName: 'TV', address });

  test('a device is let in by whoever types its code, and gets its token once', async () => {
    const { deviceCode, userCode, lifeMs, intervalMs } = await world.opened('198.51.100.4', {
      deviceName: '<b>TV</b>\u202E',
    });
    expect({ lifeMs, intervalMs }).toEqual({ lifeMs: 300_000, intervalMs: 5000 });
    expect(deviceCode).toMatch(/^[\w-]{43}$/);
    expect(await world.devices.poll(deviceCode, app)).toEqual({ kind: 'pending' });
    const caller = world.caller();
    expect(await world.devices.look(caller, userCode.toLowerCase())).toMatchObject({
      app,
      deviceName: '<b>TV</b>',
      address: '198.51.100.4',
      scopes: ['servers:read'],
    });
    await world.devices.approve(caller, userCode.replace('-', ' '));
    world.pass(5000);
    const answer = await world.devices.poll(deviceCode, app);
    if (answer.kind !== 'token') throw new Error(answer.kind);
    expect(answer.text).toMatch(/^phd_[0-9A-Za-z]{8}_[\w-]{43}$/);
    expect(await world.tokens.find(answer.text, { address: '203.0.113.9' })).toMatchObject({
      account: caller.account,
      scopes: ['servers:read'],
    });
    world.pass(5000);
    expect(await world.devices.poll(deviceCode, app)).toEqual({ kind: 'invalid' });
    expect(world.noted.map(({ event }) => event)).toEqual(['token.device-approved']);
    expect(world.told).toMatchObject([
      { kind: 'device.paired', facts: { address: '198.51.100.4', name: '<b>TV</b>' } },
    ]);
    expect(JSON.stringify(world.noted)).not.toContain(userCode.slice(0, 4));
  });

  test('a device token dies unused after 180 days, and after 365 in any case', async () => {
    const tokenOf = async (): Promise<string> => {
      const { deviceCode, userCode } = await world.opened();
      await world.devices.approve(world.caller(), userCode);
      const answer = await world.devices.poll(deviceCode, app);
      return answer.kind === 'token' ? answer.text : answer.kind;
    };
    const idle = await tokenOf();
    const used = await tokenOf();
    world.pass(179 * dayMs);
    expect(await world.tokens.find(used, nowhere)).toBeDefined();
    world.pass(dayMs);
    expect(await world.tokens.find(idle, nowhere)).toBeUndefined();
    expect(await world.tokens.find(used, nowhere)).toBeDefined();
    world.pass(179 * dayMs);
    expect(await world.tokens.find(used, nowhere)).toBeDefined();
    world.pass(5 * dayMs);
    expect(await world.tokens.find(used, nowhere)).toBeDefined();
    world.pass(dayMs);
    expect(await world.tokens.find(used, nowhere)).toBeUndefined();
  });

  test('of twenty approvals at once one decides, and twenty polls at once get one token', async () => {
    const { deviceCode, userCode } = await world.opened();
    const approvals = await Promise.allSettled(
      Array.from({ length: 20 }, () => world.devices.approve(world.caller(), userCode)),
    );
    expect(approvals.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const polls = await Promise.all(
      Array.from({ length: 20 }, () => world.devices.poll(deviceCode, app)),
    );
    expect(polls.filter(({ kind }) => kind === 'token')).toHaveLength(1);
  });

  test('who is denied reads so, and nobody approves it afterwards', async () => {
    const { deviceCode, userCode } = await world.opened();
    await world.devices.deny(world.caller(), userCode);
    await expect(world.devices.approve(world.caller(), userCode)).rejects.toMatchObject({
      code: 'token.code',
    });
    expect(await world.devices.poll(deviceCode, app)).toEqual({ kind: 'denied' });
  });

  test('a code is good for five minutes; a click in the last second leaves time to fetch', async () => {
    const late = await world.opened();
    const inTime = await world.opened();
    world.pass(299_999);
    await world.devices.approve(world.caller(), inTime.userCode);
    world.pass(1);
    await expect(world.devices.approve(world.caller(), late.userCode)).rejects.toMatchObject({
      code: 'token.code',
    });
    expect(await world.devices.poll(late.deviceCode, app)).toEqual({ kind: 'expired' });
    expect(await world.devices.poll(inTime.deviceCode, app)).toMatchObject({ kind: 'token' });
  });

  test('who polls too fast waits five seconds longer from then on (RFC 8628 §3.5)', async () => {
    const { deviceCode } = await world.opened();
    const poll = async (afterMs: number): Promise<string> => {
      world.pass(afterMs);
      return (await world.devices.poll(deviceCode, app)).kind;
    };
    expect(await poll(0)).toBe('pending');
    expect(await poll(4000)).toBe('slow-down');
    expect(await poll(5000)).toBe('slow-down');
    expect(await poll(14_000)).toBe('slow-down');
    expect(await poll(20_000)).toBe('pending');
  });

  test('another client does not get what was not meant for it', async () => {
    const { deviceCode, userCode } = await world.opened();
    await world.devices.approve(world.caller(), userCode);
    expect(await world.devices.poll(deviceCode, 'another-app')).toEqual({ kind: 'invalid' });
    expect(await world.devices.poll(`${deviceCode}x`, app)).toEqual({ kind: 'invalid' });
    expect(await world.devices.poll(deviceCode, app)).toMatchObject({ kind: 'token' });
  });

  test('the sixth wrong code of a person is not looked at, nor a right one then', async () => {
    const { userCode } = await world.opened();
    const caller = world.caller();
    for (const typed of ['BBBB-BBBB', 'CCCC-CCCC', '12345678', '', 'DDDD-DDDD'])
      await expect(world.devices.approve(caller, typed)).rejects.toMatchObject({
        code: 'token.code',
      });
    await expect(world.devices.approve(caller, userCode)).rejects.toMatchObject({
      code: 'login.locked',
    });
    await expect(world.devices.look(caller, userCode)).rejects.toMatchObject({
      code: 'login.locked',
      retryAfterMs: 600_000,
    });
    await expect(
      world.devices.approve(world.caller(undefined, '192.0.2.8'), userCode),
    ).resolves.toBeDefined();
  });

  test('twenty wrong codes from one place are the last, whoever types them; right ones forgive none', async () => {
    for (let guess = 0; guess < 20; guess++) {
      const caller = world.caller();
      await world.devices.look(caller, (await world.opened(`203.0.113.${guess}`)).userCode);
      await expect(world.devices.look(caller, 'BBBB-BBBB')).rejects.toMatchObject({
        code: 'token.code',
      });
    }
    await expect(world.devices.look(world.caller(), 'BBBB-BBBB')).rejects.toMatchObject({
      code: 'login.locked',
    });
  });

  test('ten wait for one address, also of thirty at once; an IPv6 /64 is one address', async () => {
    const openings = await Promise.all(Array.from({ length: 30 }, () => begin('192.0.2.1')));
    expect(openings.filter(({ kind }) => kind === 'opened')).toHaveLength(10);
    expect(openings).toContainEqual({ kind: 'full', who: 'address', retryAfterMs: 300_000 });
    for (let host = 1; host <= 10; host++) await begin(`2001:db8::${host}`);
    expect(await begin('2001:db8::ffff')).toMatchObject({ kind: 'full', who: 'address' });
    expect(await begin('2001:db8:0:1::1')).toMatchObject({ kind: 'opened' });
    for (let count = 0; count < 10; count++) await begin(undefined);
    expect(await begin(undefined)).toMatchObject({ kind: 'full', who: 'address' });
    world.pass(300_000);
    expect(await begin('192.0.2.1')).toMatchObject({ kind: 'opened' });
  });

  /** So many wait already, each at its own address. */
  const fill = async (addressOf: (index: number) => string): Promise<void> => {
    const nowMs = world.now.getTime();
    const rows = Array.from({ length: 1000 }, (_, index) => ({
      id: randomUUID(),
      deviceCodeHash: Buffer.from(`device ${index}`),
      userCodeHash: Buffer.from(`user ${index}`),
      app,
      deviceName: 'TV',
      scopes: ['servers:read'],
      bucket: addressOf(index),
      network: networkAround(addressOf(index), { ipv4: 24, ipv6: 48 }),
      state: 'open' as const,
      intervalMs: 5000,
      createdAt: new Date(nowMs + index),
      expiresAt: new Date(nowMs + 300_000),
    }));
    await opened.database.queries.insert(deviceRequests).values(rows);
  };

  test('a hub filled from one network still takes a newcomer, and one filled by equals refuses', async () => {
    await fill((index) => `203.0.113.${index % 250}`);
    for (const address of ['192.0.2.1', '198.51.100.1'])
      expect(await begin(address)).toMatchObject({ kind: 'opened' });
    expect(await begin('203.0.113.251')).toMatchObject({ kind: 'full', who: 'hub' });
    const rows = await opened.database.queries.select().from(deviceRequests);
    expect(rows).toHaveLength(1000);
    await opened.database.queries.delete(deviceRequests);
    await fill((index) => `10.${index >> 8}.${index & 255}.1`);
    expect(await begin('192.0.2.1')).toMatchObject({ kind: 'full', who: 'hub' });
  });
});
