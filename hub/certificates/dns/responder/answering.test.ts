import { Buffer } from 'node:buffer';

import { decode, encode, type Answer, type DecodedPacket, type RecordType } from 'dns-packet';
import { describe, expect, it } from 'vitest';

import type { TxtRecord } from '../provider.ts';
import { answerTo, type Way } from './answering.ts';
import { defaultResponderLimits as limits } from './limits.ts';
import { zonesOf, type ResponderSettings } from './settings.ts';
import { Zone } from './zone.ts';

const settings: ResponderSettings = {
  listen: [],
  zones: ['acme.hub.test', 'films.test'],
  nameServers: [{ name: 'ns1.acme.hub.test', addresses: ['192.0.2.1', '2001:db8::1'] }],
  caa: [{ flags: 0, tag: 'issue', value: 'ca.test; validationmethods=dns-01' }],
  texts: [],
  hosts: {
    names: ['hub.example.org', 'hub.acme.hub.test'],
    domain: 'films.test',
    addresses: ['192.0.2.80'],
  },
};
const records: TxtRecord[] = [
  { name: '_acme-challenge.films.test', value: 'apex' },
  { name: '_acme-challenge.films.test', value: 'wildcard' },
  { name: 'a.b.acme.hub.test', value: 'deep' },
];
const zones = zonesOf(settings).map((zone) => new Zone(zone, records, 2026));

interface Reply extends DecodedPacket {
  readonly rcode: string;
  readonly octets: Buffer;
}

interface Asked {
  readonly name: string;
  readonly type?: RecordType | 'ANY' | 'UNKNOWN_65400';
  readonly class?: 'CH' | 'ANY';
  readonly edns?: Partial<{ udpPayloadSize: number; ednsVersion: number; flags: number }>;
  readonly way?: Way;
}

function ask({ name, type = 'TXT', class: klass, edns, way = 'udp' }: Asked, from = zones): Reply {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, ...edns } as Answer;
  const message = encode({
    type: 'query',
    id: 7,
    flags: 0x0100,
    questions: [{ name, type: type as RecordType, class: klass ?? 'IN' }],
    additionals: edns === undefined ? [] : [opt],
  });
  const octets = answerTo(message, from, { way, limits });
  if (octets === undefined) throw new Error('no answer');
  return { ...(decode(octets) as DecodedPacket & { rcode: string }), octets };
}

const shown = (list: readonly Answer[] | undefined): string[] =>
  (list ?? []).map((record) => {
    const { name, type } = record;
    if (type === 'TXT') return `${name} TXT ${Buffer.concat(record.data as Buffer[]).toString()}`;
    if (type === 'SOA') return `${name} SOA ${record.ttl}`;
    if (type === 'OPT') return 'OPT';
    const data = 'data' in record ? record.data : '';
    return `${name} ${type} ${typeof data === 'string' ? data : JSON.stringify(data)}`;
  });

describe('an answer', () => {
  it.each<[string, Asked, string[]]>([
    [
      'both values of a proof',
      { name: '_acme-challenge.films.test' },
      ['_acme-challenge.films.test TXT apex', '_acme-challenge.films.test TXT wildcard'],
    ],
    ['the case of the question', { name: 'A.b.aCME.hub.TEST' }, ['A.b.aCME.hub.TEST TXT deep']],
    ['the SOA', { name: 'acme.hub.test', type: 'SOA' }, ['acme.hub.test SOA 3600']],
    ['the name servers', { name: 'films.test', type: 'NS' }, ['films.test NS ns1.acme.hub.test']],
    [
      'the name server',
      { name: 'ns1.acme.hub.test', type: 'A' },
      ['ns1.acme.hub.test A 192.0.2.1'],
    ],
    [
      'its other address',
      { name: 'NS1.acme.hub.test', type: 'AAAA' },
      ['NS1.acme.hub.test AAAA 2001:db8::1'],
    ],
    [
      "the hub's own name",
      { name: 'hub.acme.hub.test', type: 'A' },
      ['hub.acme.hub.test A 192.0.2.80'],
    ],
    ['the tenant domain', { name: 'films.test', type: 'A' }, ['films.test A 192.0.2.80']],
    [
      'any name in it',
      { name: 'movies.films.test', type: 'A' },
      ['movies.films.test A 192.0.2.80'],
    ],
    ['and names in those', { name: 'x.y.films.test', type: 'A' }, ['x.y.films.test A 192.0.2.80']],
  ])('has %s', (_, asked, answers) => {
    const reply = ask(asked);
    expect(shown(reply.answers)).toEqual(answers);
    expect(reply).toMatchObject({ rcode: 'NOERROR', flag_qr: true, flag_aa: true, id: 7 });
    expect(reply).toMatchObject({ flag_ra: false, flag_rd: true, flag_ad: false, flag_tc: false });
    expect(shown(reply.authorities)).toEqual([]);
  });

  it('has who may sign', () => {
    const [caa] = ask({ name: 'films.test', type: 'CAA' }).answers ?? [];
    expect(caa).toMatchObject({
      type: 'CAA',
      data: { flags: 0, tag: 'issue', value: 'ca.test; validationmethods=dns-01' },
    });
  });

  it('of name servers brings their addresses along, in the zone that has them', () => {
    expect(shown(ask({ name: 'acme.hub.test', type: 'NS' }).additionals)).toEqual([
      'ns1.acme.hub.test A 192.0.2.1',
      'ns1.acme.hub.test AAAA 2001:db8::1',
    ]);
    expect(shown(ask({ name: 'films.test', type: 'NS' }).additionals)).toEqual([]);
  });

  it('is the octets of RFC 1035, with pointers into the question', () => {
    const { octets } = ask({ name: 'a.b.acme.hub.test' });
    expect(octets.toString('hex')).toBe(
      [
        '0007 8500 0001 0001 0000 0000',
        '0161 0162 0461636d65 03687562 0474657374 00 0010 0001',
        'c00c 0010 0001 00000001 0005 0464656570',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('splits a long text into strings of 255 octets', () => {
    const long = [{ name: 'long.acme.hub.test', value: 'x'.repeat(300) }];
    const from = zonesOf(settings).map((zone) => new Zone(zone, long, 1));
    const [record] = ask({ name: 'long.acme.hub.test', edns: {} }, from).answers ?? [];
    const strings = (record as unknown as { data: Buffer[] }).data;
    expect(strings.map(({ length }) => length)).toEqual([255, 45]);
  });

  it('comes from the innermost zone', () => {
    const nested = zonesOf({
      ...settings,
      zones: ['films.test', 'acme.films.test'],
      nameServers: [{ name: 'ns.films.test', addresses: ['192.0.2.1'] }],
    }).map((zone) => new Zone(zone, [], 1));
    const soa = (name: string, type: RecordType): string[] =>
      shown(ask({ name, type }, nested).authorities);
    expect(soa('x.acme.films.test', 'AAAA')).toEqual(['acme.films.test SOA 10']);
    expect(soa('acme.films.test', 'AAAA')).toEqual(['acme.films.test SOA 10']);
    // RFC 4035 §3.1.4.1: what a DS says about a child is the parent's.
    expect(soa('acme.films.test', 'DS')).toEqual(['films.test SOA 10']);
  });

  it('has addresses below the tenant domain only, where the zone is larger', () => {
    const large = zonesOf({ ...settings, zones: ['test'] }).map((zone) => new Zone(zone, [], 1));
    const address = (name: string): string[] => shown(ask({ name, type: 'A' }, large).answers);
    expect(address('movies.films.test')).toEqual(['movies.films.test A 192.0.2.80']);
    expect(ask({ name: 'movies.test', type: 'A' }, large).rcode).toBe('NXDOMAIN');
    // Between the zone and a name that is there.
    expect(ask({ name: 'hub.test', type: 'A' }, large)).toMatchObject({ rcode: 'NOERROR' });
  });
});

describe('what is not there', () => {
  it.each<[string, Asked, 'NOERROR' | 'NXDOMAIN', string]>([
    ['a name', { name: 'nobody.acme.hub.test' }, 'NXDOMAIN', 'acme.hub.test'],
    ['a name below one', { name: 'x.a.b.acme.hub.test' }, 'NXDOMAIN', 'acme.hub.test'],
    ['a type', { name: 'a.b.acme.hub.test', type: 'A' }, 'NOERROR', 'acme.hub.test'],
    [
      'a type of no RFC',
      { name: 'acme.hub.test', type: 'UNKNOWN_65400' },
      'NOERROR',
      'acme.hub.test',
    ],
    ['anything at a name between two', { name: 'b.acme.hub.test' }, 'NOERROR', 'acme.hub.test'],
    ['a TXT of the apex', { name: 'acme.hub.test' }, 'NOERROR', 'acme.hub.test'],
    ['a CNAME', { name: 'movies.films.test', type: 'CNAME' }, 'NOERROR', 'films.test'],
    ['an IPv6 address', { name: 'movies.films.test', type: 'AAAA' }, 'NOERROR', 'films.test'],
    ['CAA of a tenant', { name: 'movies.films.test', type: 'CAA' }, 'NOERROR', 'films.test'],
    ['what no host is called', { name: '_dmarc.films.test' }, 'NXDOMAIN', 'films.test'],
    [
      'an address of a proof',
      { name: '_acme-challenge.films.test', type: 'A' },
      'NOERROR',
      'films.test',
    ],
    ['a DNSKEY', { name: 'films.test', type: 'DNSKEY' }, 'NOERROR', 'films.test'],
  ])('is said of %s, with the time to believe it', (_, asked, rcode, zone) => {
    const reply = ask(asked);
    expect(reply).toMatchObject({ rcode, flag_aa: true, answers: [] });
    expect(shown(reply.authorities)).toEqual([`${zone} SOA 10`]);
  });

  it('is said with a SOA whose minimum is its TTL', () => {
    const [soa] = ask({ name: 'nobody.acme.hub.test' }).authorities ?? [];
    expect(soa).toMatchObject({
      ttl: 10,
      data: { minimum: 10, serial: 2026, mname: 'ns1.acme.hub.test' },
    });
  });
});

describe('what is refused', () => {
  it.each<[string, Asked]>([
    ['a name of others', { name: 'example.org' }],
    ['a host of ours that others answer for', { name: 'hub.example.org', type: 'A' }],
    ['the parent', { name: 'hub.test', type: 'SOA' }],
    ['a name that only ends alike', { name: 'notacme.hub.test' }],
    ['the root', { name: '.', type: 'NS' }],
    ['the whole zone', { name: 'acme.hub.test', type: 'AXFR', way: 'tcp' }],
    ['what changed in it', { name: 'acme.hub.test', type: 'IXFR', way: 'tcp' }],
    ['class CH', { name: 'version.bind', class: 'CH' }],
    ['class CH of a name of ours', { name: 'acme.hub.test', class: 'CH' }],
    ['class ANY', { name: 'acme.hub.test', class: 'ANY' }],
  ])('%s', (_, asked) => {
    expect(ask(asked)).toMatchObject({ rcode: 'REFUSED', flag_aa: false, authorities: [] });
  });

  it('ANY, with the one record of RFC 8482', () => {
    const reply = ask({ name: 'films.test', type: 'ANY' });
    expect(shown(reply.answers)).toEqual(['films.test HINFO {"cpu":"RFC8482","os":""}']);
    expect(ask({ name: 'nobody.acme.hub.test', type: 'ANY' }).rcode).toBe('NXDOMAIN');
  });

  it('types that are no data', () => {
    expect(ask({ name: 'acme.hub.test', type: 'TKEY' }).rcode).toBe('NOTIMP');
    expect(ask({ name: 'acme.hub.test', type: 'OPT' }).rcode).toBe('FORMERR');
  });
});

describe('EDNS', () => {
  it('is spoken to those who speak it, and to nobody else', () => {
    expect(ask({ name: 'films.test', type: 'A' }).additionals).toEqual([]);
    const [opt] = ask({ name: 'films.test', type: 'A', edns: { flags: 0x8000 } }).additionals ?? [];
    expect(opt).toMatchObject({ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0, flag_do: true });
  });

  it('of a later version gets BADVERS, and ours', () => {
    const reply = ask({ name: 'films.test', type: 'A', edns: { ednsVersion: 1 } });
    expect(reply.answers).toEqual([]);
    expect(reply.rcode).toBe('NOERROR');
    expect(reply.additionals).toMatchObject([{ extendedRcode: 1, ednsVersion: 0 }]);
  });
});

describe('an answer that does not fit', () => {
  const many = Array.from({ length: 40 }, (_, at) => ({
    name: '_acme-challenge.films.test',
    value: `${at}`.padStart(43, 'v'),
  }));
  const full = zonesOf(settings).map((zone) => new Zone(zone, many, 1));
  const name = '_acme-challenge.films.test';

  it.each<[string, Asked]>([
    ['512 octets without EDNS', { name }],
    ['what EDNS offers', { name, edns: { udpPayloadSize: 600 } }],
    ['the 1,232 octets that are never fragments', { name, edns: { udpPayloadSize: 65_535 } }],
  ])('into %s is empty and says so', (_, asked) => {
    const reply = ask(asked, full);
    expect(reply).toMatchObject({ flag_tc: true, answers: [], rcode: 'NOERROR' });
    expect(reply.octets.length).toBeLessThan(100);
    expect(reply.additionals).toHaveLength(asked.edns === undefined ? 0 : 1);
  });

  it('is whole over TCP', () => {
    const reply = ask({ name, way: 'tcp' }, full);
    expect(reply).toMatchObject({ flag_tc: false });
    expect(reply.answers).toHaveLength(40);
  });

  it('is never sent to a block of addresses beyond its rate', () => {
    const reply = ask({ name: 'films.test', type: 'A', way: 'udp-over-limit' });
    expect(reply).toMatchObject({ flag_tc: true, answers: [] });
  });
});
