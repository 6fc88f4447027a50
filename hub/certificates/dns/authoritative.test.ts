import type { Answer } from 'dns-packet';
import { afterEach, expect, test } from 'vitest';

import {
  fromRecords,
  startNameServer,
  type Answering,
  type NameServer,
} from '../../../test/support/name-server.ts';
import { Authoritative, txtValues } from './authoritative.ts';
import { DnsError } from './failure.ts';

const soa = (name: string, serial = 1): Answer => ({
  name,
  type: 'SOA',
  ttl: 60,
  data: {
    mname: `ns1.${name}`,
    rname: `hostmaster.${name}`,
    serial,
    refresh: 60,
    retry: 60,
    expire: 60,
    minimum: 60,
  },
});
const ns = (name: string, data: string): Answer => ({ name, type: 'NS', ttl: 60, data });
const a = (name: string, data: string): Answer => ({ name, type: 'A', ttl: 60, data });
const cname = (name: string, data: string): Answer => ({ name, type: 'CNAME', ttl: 60, data });
const txt = (name: string, data: string): Answer => ({ name, type: 'TXT', ttl: 60, data });

/** `example.org` on two servers, `proofs.example.net` on one. */
const world: readonly Answer[] = [
  soa('org'),
  soa('net'),
  soa('example.org'),
  ns('example.org', 'ns1.example.org'),
  ns('example.org', 'ns2.example.org'),
  a('ns1.example.org', '127.0.0.2'),
  a('ns2.example.org', '127.0.0.3'),
  a('movies.example.org', '192.0.2.1'),
  soa('proofs.example.net'),
  ns('proofs.example.net', 'ns1.example.org'),
];

const quick = { udpTimeoutMs: 200, udpAttempts: 1, tcpTimeoutMs: 200 };
const calm = (): AbortSignal => AbortSignal.timeout(15_000);
const running: NameServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

interface Cast {
  readonly resolver?: Answering;
  readonly first?: Answering;
  readonly second?: Answering;
}

/** A resolver that knows the world, and the two servers that it leads to. */
async function play(records: readonly Answer[], cast: Cast = {}): Promise<Authoritative> {
  const fromWorld = fromRecords(() => [...world, ...records]);
  const resolver = await startNameServer(cast.resolver ?? fromWorld);
  running.push(resolver);
  const { port } = resolver;
  running.push(await startNameServer(cast.first ?? fromWorld, { host: '127.0.0.2', port }));
  running.push(await startNameServer(cast.second ?? fromWorld, { host: '127.0.0.3', port }));
  return new Authoritative({ resolvers: [`127.0.0.1:${port}`], serverPort: port, limits: quick });
}

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

test('the zone of a name that does not exist is found above it, with its servers', async () => {
  const dns = await play([]);
  const zone = await dns.zoneOf('_acme-challenge.a.b.example.org', calm());
  expect(zone.apex).toBe('example.org');
  expect(zone.servers.map(({ name, addresses }) => [name, addresses[0]?.host])).toEqual([
    ['ns1.example.org', '127.0.0.2'],
    ['ns2.example.org', '127.0.0.3'],
  ]);
});

test('a domain that nobody has registered is not looked for at its registry', async () => {
  const dns = await play([]);
  const error = await failureOf(dns.zoneOf('_acme-challenge.exmaple.org', calm()));
  expect(error.code).toBe('dns.not-delegated');
  expect(error.message).toContain('registrar');
});

test('a private zone of one label is a zone', async () => {
  const dns = await play([soa('lan'), ns('lan', 'ns1.example.org'), a('hub.lan', '192.0.2.2')]);
  expect((await dns.zoneOf('_acme-challenge.hub.lan', calm())).apex).toBe('lan');
});

test('a zone whose servers all fail is told as such', async () => {
  const dns = await play([], { resolver: () => ({ rcode: 2 }) });
  const error = await failureOf(dns.zoneOf('example.org', calm()));
  expect(error.code).toBe('dns.not-delegated');
  expect(error.message).toContain('SERVFAIL');
});

test('a zone without NS records is told as such', async () => {
  const dns = await play([soa('bare.example.org')]);
  const error = await failureOf(dns.zoneOf('bare.example.org', calm()));
  expect(error.code).toBe('dns.not-delegated');
});

test("what the zone's server says counts, not what a resolver remembers", async () => {
  const here = '_acme-challenge.example.org';
  const dns = await play([txt(here, 'old')], {
    first: fromRecords(() => [...world, txt(here, 'new')]),
  });
  const found = await dns.find(here, 'TXT', calm());
  expect(txtValues(found.records, here)).toEqual(['new']);
});

test('the second server is asked when the first is lame, silent or gone', async () => {
  const here = '_acme-challenge.example.org';
  const failing: Answering[] = [
    () => ({ rcode: 5 }),
    () => ({ isAuthoritative: false }),
    () => undefined,
    () => Buffer.from('garbage'),
  ];
  for (const first of failing) {
    const dns = await play([txt(here, 'here')], { first });
    expect(txtValues((await dns.find(here, 'TXT', calm())).records, here)).toEqual(['here']);
    for (const server of running.splice(0)) await server.stop();
  }
});

test('none of the servers that answers is an error with their names', async () => {
  const dns = await play([], { first: () => ({ rcode: 5 }), second: () => ({ rcode: 5 }) });
  const error = await failureOf(dns.find('example.org', 'TXT', calm()));
  expect(error.code).toBe('dns.not-delegated');
  expect(error.message).toContain('ns1.example.org, ns2.example.org');
});

test('an alias is followed into another zone', async () => {
  const dns = await play([cname('_acme-challenge.example.org', 'Example-Org.Proofs.example.net')]);
  expect(await dns.followAlias('_acme-challenge.example.org', calm())).toBe(
    'example-org.proofs.example.net',
  );
});

test('a name without an alias leads to itself', async () => {
  const dns = await play([]);
  expect(await dns.followAlias('_acme-challenge.example.org', calm())).toBe(
    '_acme-challenge.example.org',
  );
});

test.each<[string, Answer[]]>([
  ['to itself', [cname('_acme-challenge.example.org', '_acme-challenge.example.org')]],
  [
    'in a circle',
    [
      cname('_acme-challenge.example.org', 'a.example.org'),
      cname('a.example.org', 'b.example.org'),
      cname('b.example.org', 'a.example.org'),
    ],
  ],
  [
    'through twenty names',
    Array.from({ length: 20 }, (_, n) =>
      cname(n === 0 ? '_acme-challenge.example.org' : `n${n}.example.org`, `n${n + 1}.example.org`),
    ),
  ],
  ['to what is no name', [cname('_acme-challenge.example.org', 'x/../../tokens?.example.org')]],
])('an alias that leads %s ends with an error that shows the way', async (_, records) => {
  const dns = await play(records);
  const error = await failureOf(dns.followAlias('_acme-challenge.example.org', calm()));
  expect(error.code).toBe('dns.alias');
  expect(error.message).toContain('"_acme-challenge.example.org" -> ');
});

test('the next resolver is asked when the first fails', async () => {
  const dns = await play([]);
  const port = running[0]?.port ?? 0;
  const silent = await startNameServer(() => ({ rcode: 2 }));
  running.push(silent);
  const both = [`127.0.0.1:${silent.port}`, `127.0.0.1:${port}`];
  const patient = new Authoritative({ resolvers: both, serverPort: port, limits: quick });
  expect((await patient.zoneOf('example.org', calm())).apex).toBe('example.org');
  expect((await dns.zoneOf('example.org', calm())).apex).toBe('example.org');
});

test('a machine without a resolver is told what to check', async () => {
  const server = await startNameServer(() => undefined);
  running.push(server);
  const dns = new Authoritative({ resolvers: [`127.0.0.1:${server.port}`], limits: quick });
  const error = await failureOf(dns.zoneOf('example.org', calm()));
  expect(error.code).toBe('dns.unreachable');
  expect(error.message).toContain('/etc/resolv.conf');
});

test('with resolvers only, nobody else is asked', async () => {
  const here = '_acme-challenge.example.org';
  const resolver = await startNameServer(fromRecords(() => [txt(here, 'seen')]));
  running.push(resolver);
  const resolvers = [`127.0.0.1:${resolver.port}`];
  const dns = new Authoritative({ resolvers, asksResolversOnly: true, limits: quick });
  expect(txtValues((await dns.find(here, 'TXT', calm())).records, here)).toEqual(['seen']);
  expect(resolver.asked.every(({ isRecursive }) => isRecursive)).toBe(true);
});
