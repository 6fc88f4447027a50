import { assert, bigInt, integer, property, tuple } from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { MemoryBans } from '../../../test/support/memory-bans.ts';
import { CidrSet, parseNetwork } from '../../../shared/net-address.ts';
import type { AuditEntry } from '../../audit/audit.ts';
import type { Ban, BanWish } from './ban.ts';
import { BanList } from './ban-list.ts';
import { Bans } from './bans.ts';

const minuteMs = 60_000;
const silent = pino({ level: 'silent' });

let store: MemoryBans;
let noted: AuditEntry[];
let now: Date;
const opened: Bans[] = [];

beforeEach(() => {
  store = new MemoryBans();
  noted = [];
  now = new Date('2026-11-22T10:00:00Z');
});
afterEach(() => {
  for (const bans of opened.splice(0)) bans.close();
});

async function open(): Promise<Bans> {
  const bans = await Bans.open({
    store,
    audit: { note: (entry) => noted.push(entry) },
    trustedProxies: new CidrSet([
      parseNetwork('192.0.2.0/24'),
      parseNetwork('2001:db8:2:2::10/128'),
    ]),
    log: silent,
    now: () => now,
  });
  opened.push(bans);
  return bans;
}

function wish(network: string, change: Partial<BanWish> = {}): BanWish {
  const actor = { id: 'a1', name: 'ann' };
  return { network, forMs: undefined, reason: 'noise', actor, ...change };
}

describe('a ban', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7', '203.0.113.8'],
    ['203.0.113.0/24', '203.0.113.255', '203.0.114.0'],
    ['::ffff:1.2.3.4', '1.2.3.4', '1.2.3.5'],
    ['::ffff:1.2.3.0/120', '1.2.3.9', '1.2.4.9'],
    ['2001:db8:1:2::/64', '2001:db8:1:2:3::4', '2001:db8:1:3::'],
    // The /64 of these is a trusted proxy's as well.
    ['2001:db8:2:2::66', '2001:db8:2:2::66', '2001:db8:2:2::67'],
  ])('of %s covers %s and not %s', async (network, inside, outside) => {
    const bans = await open();
    await bans.add(wish(network));
    expect(bans.covering(inside)).toMatchObject({ origin: 'operator', by: 'ann' });
    expect(bans.covering(outside)).toBeUndefined();
  });

  test('is one too many beyond ten thousand: a firewall does that better', async () => {
    const bans = await open();
    vi.spyOn(bans, 'list').mockReturnValue(
      Array.from({ length: 10_000 }, () => ({ origin: 'operator' }) as Ban),
    );
    await expect(bans.add(wish('203.0.113.7'))).rejects.toMatchObject({ code: 'ban.limit' });
  });

  test('of an address in its other spelling is the same ban', async () => {
    const bans = await open();
    await bans.add(wish('::ffff:1.2.3.4'));
    await bans.add(wish('1.2.3.4'));
    expect(bans.list()).toHaveLength(1);
    expect(await bans.remove('1.2.3.4/32', { actor: 'host' })).toBeDefined();
    expect(bans.covering('1.2.3.4')).toBeUndefined();
  });

  test('of an IPv6 address is of its /64, which is one home’s, unless a prefix is written', async () => {
    const bans = await open();
    expect(await bans.add(wish('2001:db8::5'))).toMatchObject({ network: '2001:db8::/64' });
    expect(bans.covering('2001:db8::ffff:1')).toBeDefined();
    expect(bans.covering('2001:db8:0:1::5')).toBeUndefined();
    await bans.add(wish('2001:db8:0:1::5/128'));
    expect(bans.covering('2001:db8:0:1::5')).toBeDefined();
    expect(bans.covering('2001:db8:0:1::6')).toBeUndefined();
    expect(await bans.remove('2001:db8::5', { actor: 'host' })).toMatchObject({
      network: '2001:db8::/64',
    });
    expect(bans.covering('2001:db8::5')).toBeUndefined();
    expect(await bans.remove('2001:db8:0:1::5', { actor: 'host' })).toBeDefined();
    expect(bans.list()).toEqual([]);
  });

  test.each([
    ['1.2.3.4/33', 'net.prefix-invalid'],
    ['1.2.3.4/-1', 'net.prefix-invalid'],
    ['1.2.3.4/24', 'net.host-bits'],
    ['1.2.3', 'net.address-invalid'],
    ['010.0.0.1', 'net.address-invalid'],
    ['0x7f.1', 'net.address-invalid'],
    ['2130706433', 'net.address-invalid'],
    ['fe80::1%eth0', 'net.address-invalid'],
    ['1.2.3.4 or so', 'net.address-invalid'],
    ['', 'net.address-invalid'],
    ['0.0.0.0/0', 'ban.wide'],
    ['::/0', 'ban.wide'],
    ['10.0.0.0/15', 'ban.wide'],
    ['127.0.0.1', 'ban.loopback'],
    ['::1', 'ban.loopback'],
    ['::ffff:127.0.0.1', 'ban.loopback'],
    ['192.0.2.10', 'ban.proxy'],
  ])('of %j is refused with %s', async (network, code) => {
    const bans = await open();
    await expect(bans.add(wish(network))).rejects.toMatchObject({ code });
    expect(await store.list()).toEqual([]);
    expect(noted).toEqual([]);
  });

  test('of a wide network says how the command line confirms it', async () => {
    const bans = await open();
    await expect(bans.add(wish('0.0.0.0/0'))).rejects.toThrow('--yes');
  });

  test('of whoever asks for it needs a second word', async () => {
    const bans = await open();
    const own = wish('198.51.100.0/24', { address: '198.51.100.9' });
    await expect(bans.add(own)).rejects.toMatchObject({ code: 'ban.own' });
    await bans.add({ ...own, isConfirmed: true });
    expect(bans.covering('198.51.100.9')).toBeDefined();
  });

  test('of everybody, confirmed, leaves the machine itself and trusted proxies in', async () => {
    const bans = await open();
    await bans.add(wish('0.0.0.0/0', { isConfirmed: true }));
    expect(bans.covering('8.8.8.8')).toBeDefined();
    expect(bans.covering('127.0.0.1')).toBeUndefined();
    expect(bans.covering('192.0.2.10')).toBeUndefined();
  });

  test('ends by itself, to the millisecond, and outlives a restart until then', async () => {
    const first = await open();
    await first.add(wish('203.0.113.7', { forMs: minuteMs }));
    const again = await open();
    now = new Date(now.getTime() + minuteMs - 1);
    expect(again.covering('203.0.113.7')).toBeDefined();
    now = new Date(now.getTime() + 1);
    expect(again.covering('203.0.113.7')).toBeUndefined();
    expect(again.list()).toEqual([]);
  });

  test('reaches every process', async () => {
    const [one, other] = [await open(), await open()];
    const heard: Ban[] = [];
    other.onBanned((ban) => heard.push(ban));
    await one.add(wish('203.0.113.7'));
    await expect.poll(() => other.covering('203.0.113.7')).toBeDefined();
    expect(heard).toMatchObject([{ network: '203.0.113.7/32' }]);
    await one.remove('203.0.113.7', { actor: 'host' });
    await expect.poll(() => other.covering('203.0.113.7')).toBeUndefined();
  });

  test('is noted with who made and lifted it', async () => {
    const bans = await open();
    const { id } = await bans.add(wish('203.0.113.7', { forMs: minuteMs, requestId: 'r1' }));
    await bans.remove(id, { actor: 'host' });
    expect(noted).toMatchObject([
      {
        event: 'ban.added',
        actor: { name: 'ann' },
        target: '203.0.113.7/32',
        reason: 'until 2026-11-22T10:01:00.000Z: noise',
        requestId: 'r1',
      },
      { event: 'ban.removed', actor: 'host', target: '203.0.113.7/32' },
    ]);
    expect(await bans.remove(id, { actor: 'host' })).toBeUndefined();
    expect(bans.made).toEqual({ guard: 0, operator: 1 });
  });
});

describe('the guard', () => {
  const term = { forMs: minuteMs, reason: 'login.failed' };

  test('bans a household, not one of its addresses', async () => {
    const bans = await open();
    await bans.banAddress('2001:db8:1:2::5', term);
    expect(bans.covering('2001:db8:1:2:ffff::1')).toMatchObject({
      network: '2001:db8:1:2::/64',
      origin: 'guard',
    });
    await bans.banAddress('203.0.113.7', term);
    expect(bans.covering('203.0.113.6')).toBeUndefined();
    expect(bans.made.guard).toBe(2);
  });

  test('bans neither the machine itself nor a trusted proxy', async () => {
    const bans = await open();
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '192.0.2.10'])
      expect(await bans.banAddress(address, term)).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });

  test('does not shorten what an operator said', async () => {
    const bans = await open();
    await bans.add(wish('203.0.113.7'));
    await bans.banAddress('203.0.113.7', term);
    expect(bans.list()).toMatchObject([{ origin: 'operator', until: undefined }]);
  });

  test('does not lift what an operator said of a wider network', async () => {
    const bans = await open();
    await bans.banAddress('203.0.113.7', term);
    expect(bans.everywhere('203.0.113.7')).toBeUndefined();
    await bans.add(wish('203.0.113.0/24'));
    await bans.banAddress('203.0.113.8', term);
    for (const address of ['203.0.113.7', '203.0.113.8', '203.0.113.9'])
      expect(bans.everywhere(address)).toMatchObject({ network: '203.0.113.0/24' });
  });

  test('bans in its own process when the database is away', async () => {
    const bans = await open();
    store.putUnlessOperators = async () => Promise.reject(new Error('away'));
    await bans.banAddress('203.0.113.7', term);
    expect(bans.covering('203.0.113.7')).toBeDefined();
  });
});

describe('a list of bans', () => {
  test('agrees with arithmetic on every address and prefix', () => {
    const address = bigInt({ min: 0n, max: 2n ** 32n - 1n });
    const cases = tuple(address, address, integer({ min: 0, max: 32 }));
    assert(
      property(cases, ([one, other, prefix]) => {
        const mask = (value: bigint): bigint =>
          (value >> BigInt(32 - prefix)) << BigInt(32 - prefix);
        const list = new BanList([banOf(`${textOf(mask(one))}/${prefix}`)]);
        const isCovered = list.covering(textOf(other), new Date(0)) !== undefined;
        expect(isCovered).toBe(mask(one) === mask(other));
      }),
    );
  });

  test('answers at once with 200,000 in it', () => {
    const list = new BanList();
    for (let count = 0; count < 200_000; count += 1)
      list.put(banOf(`${textOf(BigInt(count) * 256n)}/32`));
    const began = performance.now();
    for (let count = 0; count < 10_000; count += 1) list.covering('203.0.113.7', new Date(0));
    // One after the other they would take a minute.
    expect(performance.now() - began).toBeLessThan(10_000);
    list.remove('0.0.1.0/32');
    expect(list.covering('0.0.1.0', new Date(0))).toBeUndefined();
  });
});

function textOf(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
}

function banOf(network: string): Ban {
  return {
    id: network,
    network,
    origin: 'operator',
    reason: '',
    by: 'host',
    createdAt: new Date(0),
    until: undefined,
  };
}
