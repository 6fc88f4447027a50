import { assert, constantFrom, integer, property, tuple } from 'fast-check';
import { expect, it } from 'vitest';

import { parseAddress } from '../../shared/net-address.ts';
import { reachOf, type Reach } from './reach.ts';

const table: Record<Reach, readonly string[]> = {
  public: [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2001:200::1',
    '2003::1',
  ],
  private: [
    '10.0.0.0',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:10.1.2.3',
    'fc00::1',
    'fdff:ffff::1',
  ],
  closed: [
    '0.0.0.0',
    '169.254.169.254',
    '169.254.1.2',
    '::ffff:169.254.169.254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '192.0.0.8',
    '192.88.99.1',
    '198.18.0.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::a00:1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '4000::1',
    '5f00::1',
  ],
};

for (const [reach, addresses] of Object.entries(table)) {
  it.each(addresses)(`%s is ${reach}`, (text) => {
    expect(reachOf(parseAddress(text) ?? '')).toBe(reach);
  });
}

it('no IPv6 address that carries an IPv4 address inside is public', () => {
  const word = integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const carrying = tuple(word, word).chain(([high, low]) =>
    constantFrom(
      `::${high}:${low}`,
      `64:ff9b::${high}:${low}`,
      `2002:${high}:${low}::1`,
      `2001:0:${high}:${low}::`,
    ),
  );
  assert(
    property(carrying, (text) => {
      expect(reachOf(parseAddress(text) ?? '')).not.toBe('public');
    }),
  );
});
