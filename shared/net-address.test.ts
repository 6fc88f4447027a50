import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  addressBucket,
  CidrSet,
  NetAddressError,
  parseAddress,
  parseNetwork,
} from './net-address.ts';

describe('parseAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::1', '::1'],
    ['::', '::'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:0207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:c000:207', '192.0.2.7'],
  ])('writes %s as %s', (text, canonical) => {
    expect(parseAddress(text)).toBe(canonical);
  });

  it.each([
    '',
    ' 192.0.2.7',
    '192.0.2.7 ',
    '010.0.0.1',
    '0x7f.1',
    '10.1',
    '2130706433',
    '1.2.3',
    '1.2.3.256',
    'fe80::1%eth0',
    '::ffff:1.2.3.4%lo',
    '[::1]',
    '1.2.3.4:80',
    '1.2.3.4/32',
    ':::',
    'localhost',
    '1.2.3.4\n',
    '1.2.3.4\0',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it.each([
    ['an IPv4-compatible address', '::10.0.0.1'],
    ['one with a group before the mark', '1::ffff:c000:207'],
    ['half a mark', '::ff:c000:207'],
    ['the other half of a mark', '::ff00:c000:207'],
  ])('does not take %s for a mapped one', (_name, text) => {
    expect(parseAddress(text)).toContain(':');
  });
});

describe('parseNetwork', () => {
  it.each([
    ['10.0.0.0/8', { family: 'ipv4', address: '10.0.0.0', prefix: 8 }],
    ['192.0.2.7', { family: 'ipv4', address: '192.0.2.7', prefix: 32 }],
    ['0.0.0.0/0', { family: 'ipv4', address: '0.0.0.0', prefix: 0 }],
    ['2001:DB8::/32', { family: 'ipv6', address: '2001:db8::', prefix: 32 }],
    ['::1', { family: 'ipv6', address: '::1', prefix: 128 }],
    ['::ffff:10.0.0.0/104', { family: 'ipv4', address: '10.0.0.0', prefix: 8 }],
  ])('reads %s', (text, network) => {
    expect(parseNetwork(text)).toEqual(network);
  });

  it.each([
    ['10.0.0.0/33', 'net.prefix-invalid'],
    ['10.0.0.0/-1', 'net.prefix-invalid'],
    ['10.0.0.0/', 'net.prefix-invalid'],
    ['10.0.0.0/8/8', 'net.prefix-invalid'],
    ['10.0.0.0/ 8', 'net.prefix-invalid'],
    ['10.0.0.0/0008', 'net.prefix-invalid'],
    ['::/129', 'net.prefix-invalid'],
    ['::ffff:10.0.0.0/8', 'net.prefix-invalid'],
    ['fe80::%eth0/64', 'net.address-invalid'],
    ['10.0/8', 'net.address-invalid'],
    ['/8', 'net.address-invalid'],
    ['', 'net.address-invalid'],
    ['10.0.0.1/8', 'net.host-bits'],
    ['2001:db8::1/64', 'net.host-bits'],
  ])('refuses %j with %s', (text, code) => {
    expect(() => parseNetwork(text)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('says the masked form when host bits are set', () => {
    expect(() => parseNetwork('192.168.1.77/24')).toThrow(/write 192\.168\.1\.0\/24/);
  });

  it('says what to write instead of what is no network, and which prefixes there are', () => {
    expect(() => parseNetwork('10.0/8')).toThrow(
      '"10.0/8" is not an IP address or network; write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32',
    );
    expect(() => parseNetwork('10.0.0.0/33')).toThrow(
      '"10.0.0.0/33": the prefix must be a number from 0 to 32',
    );
    expect(() => parseNetwork('::/129')).toThrow('a number from 0 to 128');
    expect(() => parseNetwork('::ffff:0.0.0.0/8')).toThrow('a number from 96 to 128');
  });

  it('throws nothing but NetAddressError whatever the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
        expect([true, false]).toContain(isRefused(text));
      }),
    );
  });
});

describe('against a model in BigInt', () => {
  const v4 = fc.bigInt(0n, (1n << 32n) - 1n);
  const v6 = fc.bigInt(0n, (1n << 128n) - 1n).filter((value) => value >> 32n !== 0xffffn);

  it('finds exactly the addresses of an IPv4 network, also when written as mapped', () => {
    fc.assert(
      fc.property(
        v4,
        fc.integer({ min: 0, max: 32 }),
        v4,
        fc.boolean(),
        (base, prefix, other, isNear) => {
          holds(32, ipv4Text, base, prefix, other, isNear);
          expect(parseAddress(`::ffff:${ipv4Text(other)}`)).toBe(ipv4Text(other));
        },
      ),
    );
  });

  it('finds exactly the addresses of an IPv6 network', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(
        v6,
        fc.integer({ min: 0, max: 128 }),
        v6,
        fc.boolean(),
        (base, prefix, other, isNear) => {
          // Below /96 a network can contain mapped addresses, whose canonical form is IPv4: not this property.
          const shift = BigInt(128 - prefix);
          const start = (base >> shift) << shift;
          const probe = isNear ? start | (other & ((1n << shift) - 1n)) : other;
          fc.pre(probe >> 32n !== 0xffffn && start >> 32n !== 0xffffn);
          holds(128, ipv6Text, base, prefix, other, isNear);
        },
      ),
    );
  });

  it('finds no address in no network', () => {
    const none = new CidrSet([]);
    expect([none.has('127.0.0.1'), none.has('::1')]).toEqual([false, false]);
  });

  it('counts an IPv6 client by its /64 and an IPv4 client by its address', () => {
    fc.assert(
      fc.property(v6, v6, (one, other) => {
        const [a, b] = [parseAddress(ipv6Text(one)) ?? '', parseAddress(ipv6Text(other)) ?? ''];
        expect(addressBucket(a) === addressBucket(b)).toBe(one >> 64n === other >> 64n);
      }),
    );
    expect(addressBucket('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(addressBucket('192.0.2.7')).toBe('192.0.2.7');
  });
});

const ipv4Text = (value: bigint) => [24n, 16n, 8n, 0n].map((by) => (value >> by) & 255n).join('.');
const ipv6Text = (value: bigint) =>
  Array.from({ length: 8 }, (_, group) =>
    ((value >> BigInt(112 - group * 16)) & 0xffffn).toString(16),
  ).join(':');

function holds(
  bits: number,
  text: (value: bigint) => string,
  base: bigint,
  prefix: number,
  other: bigint,
  isNear: boolean,
) {
  const shift = BigInt(bits - prefix);
  const start = (base >> shift) << shift;
  const probe = isNear ? start | (other & ((1n << shift) - 1n)) : other;
  const set = new CidrSet([parseNetwork(`${text(start)}/${prefix}`)]);
  const address = parseAddress(text(probe));
  expect(address).toBeDefined();
  expect(set.has(address ?? '')).toBe(probe >> shift === base >> shift);
  expect(isRefused(`${text(base)}/${prefix}`)).toBe(start !== base);
}

/** Whatever is thrown that is not ours fails the test. */
function isRefused(text: string): boolean {
  try {
    parseNetwork(text);
    return false;
  } catch (error) {
    if (error instanceof NetAddressError) return true;
    throw error;
  }
}
