import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DnsSolver } from '../../hub/certificates/challenges/dns-01.ts';
import { Authoritative } from '../../hub/certificates/dns/authoritative.ts';
import { Propagation } from '../../hub/certificates/dns/propagation.ts';
import { ResponderProvider } from '../../hub/certificates/dns/responder/responder-provider.ts';
import { Responder } from '../../hub/certificates/dns/responder/responder.ts';
import type { ResponderSettings } from '../../hub/certificates/dns/responder/settings.ts';
import { createLogger } from '../../shared/log.ts';
import { AcmeCustomer } from '../support/acme-customer.ts';
import { startBind, type Bind } from '../support/bind.ts';
import { MemoryChallengeStore, MemoryTxtRecordStore } from '../support/memory-certificates.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Pebble } from '../support/pebble.ts';
import { startUnbound, type Unbound } from '../support/unbound.ts';

/** The responder's own address: NS records carry no port, so it shares BIND's port on an address beside BIND's. */
const host = '127.0.0.61';
const bindHost = 63;
const inAnHour = new Date(Date.now() + 3_600_000);

/** As people delegate: the parent's zone is somebody else's, the child's and the tenant domain are ours. */
const parentRecords = [
  'acme NS ns1.acme',
  `ns1.acme A ${host}`,
  'films NS ns1.acme',
  '_acme-challenge CNAME hub-test.acme',
];

describe.skipIf(!hasParts('bind', 'dig', 'unbound', 'pebble'))('a delegated zone', () => {
  let bind: Bind;
  let unbound: Unbound;
  let settings: ResponderSettings;
  let responder: Responder;
  const store = new MemoryTxtRecordStore();

  beforeAll(async () => {
    bind = await startBind({
      keys: [],
      zones: [{ name: 'hub.test', rights: '', records: parentRecords }],
      host: bindHost,
    });
    settings = {
      listen: [{ host, port: bind.port }],
      zones: ['acme.hub.test', 'films.hub.test'],
      nameServers: [{ name: 'ns1.acme.hub.test', addresses: [host, '2001:db8::53'] }],
      caa: [{ flags: 0, tag: 'issue', value: 'pebble.letsencrypt.org' }],
      texts: [],
      hosts: { names: [], domain: 'films.hub.test', addresses: ['192.0.2.80', '2001:db8::80'] },
    };
    const log = createLogger({ level: 'silent', name: 'test' });
    responder = await Responder.start({ settings, store, log });
    await store.put({ name: 'one.acme.hub.test', value: 'first proof' }, inAnHour);
    await store.put({ name: 'one.acme.hub.test', value: 'second proof' }, inAnHour);
    for (let at = 0; at < 40; at += 1)
      await store.put({ name: 'long.acme.hub.test', value: `${at}`.padStart(43, 'v') }, inAnHour);
    await responder.refresh();
    unbound = await startUnbound([
      { name: 'hub.test', ...bind.primary },
      { name: 'acme.hub.test', host, port: bind.port },
      { name: 'films.hub.test', host, port: bind.port },
    ]);
  });

  afterAll(async () => {
    await responder?.stop();
    await unbound?.stop();
    await bind?.stop();
  });

  const dig = async (...words: string[]): Promise<string> =>
    askDig({ host, port: bind.port }, ...words);

  test.each([
    ['both proofs of a name', 'one.acme.hub.test TXT', /"first proof"\n.*"second proof"/],
    ['the case of a name', 'oNe.AcMe.hub.TEST TXT', /^oNe\.AcMe\.hub\.TEST\.\s+1\s+IN\s+TXT/m],
    ['the SOA', 'acme.hub.test SOA', /SOA\s+ns1\.acme\.hub\.test\. hostmaster\.acme\.hub\.test\./],
    ['name servers and their addresses', 'acme.hub.test NS', /NS\s+ns1(.*\n)*.*127\.0\.0\.61/],
    ['a server under the tenant domain', 'movies.films.hub.test A', /A\s+192\.0\.2\.80/],
    ['its IPv6 address', 'movies.films.hub.test AAAA', /AAAA\s+2001:db8::80/],
    ['who may sign', 'films.hub.test CAA', /CAA\s+0 issue "pebble\.letsencrypt\.org"/],
    ['authority', 'one.acme.hub.test TXT', /;; flags: qr aa;/],
    ['that a name is not there', 'no.acme.hub.test TXT', /NXDOMAIN(.*\n)*.*\s10\s+IN\s+SOA/],
    ['that a type is not there', 'one.acme.hub.test MX', /NOERROR(.*\n)*.*\s10\s+IN\s+SOA/],
    ['that others answer for it', 'example.org A', /status: REFUSED/],
    ['no transfer', 'acme.hub.test AXFR', /Transfer failed/],
    ['no list of all', 'acme.hub.test ANY', /HINFO\s+"RFC8482" ""/],
    ['no version', '-c CH -t TXT version.bind', /status: REFUSED/],
    ['EDNS', 'acme.hub.test SOA +dnssec', /EDNS: version: 0, flags: do; udp: 1232/],
    ['no later EDNS', 'acme.hub.test SOA +edns=1 +noednsneg', /status: BADVERS/],
    ['no EDNS unasked', 'acme.hub.test SOA +noedns', /ADDITIONAL: 0\n/],
    ['unknown options', 'acme.hub.test SOA +ednsopt=65001:c0ffee +subnet=192.0.2.0/24', /NOERROR/],
    ['no other opcode', 'acme.hub.test SOA +noedns +opcode=notify', /status: NOTIMP/],
    [
      'a short answer and TCP',
      'long.acme.hub.test TXT',
      /Truncated, retrying in TCP(.*\n)*.*ANSWER: 40,/,
    ],
    ['only truncated', 'long.acme.hub.test TXT +ignore', /flags: qr aa tc;(.*)ANSWER: 0,/],
    [
      'several questions of a connection',
      'acme.hub.test SOA +tcp +keepopen acme.hub.test NS',
      /SOA\s+ns1(.*\n)*.*NS\s+ns1/,
    ],
  ])('shows dig %s', async (_, words, expected) => {
    const output = await dig(...words.split(' '));
    expect(output).toMatch(expected);
    expect(output).not.toMatch(/WARNING|malformed|extra bytes|mismatch/i);
  });

  test.each([
    ['one.acme.hub.test', 'TXT'],
    ['long.acme.hub.test', 'TXT'],
    ['acme.hub.test', 'SOA'],
    ['acme.hub.test', 'NS'],
    ['acme.hub.test', 'TXT'],
    ['ns1.acme.hub.test', 'A'],
    ['no.acme.hub.test', 'TXT'],
    ['deeper.no.acme.hub.test', 'TXT'],
    ['one.acme.hub.test', 'AAAA'],
    ['films.hub.test', 'CAA'],
    ['films.hub.test', 'A'],
    ['a.b.films.hub.test', 'A'],
    ['movies.films.hub.test', 'AAAA'],
    ['_dmarc.films.hub.test', 'TXT'],
  ])('is for a resolver what it is for dig: %s %s', async (name, type) => {
    const words = [name, type, '+noall', '+answer', '+comments', '+tcp', '+nottlid'];
    const seen = await askDig(unbound, ...words, '+recurse');
    expect(essence(seen)).toEqual(essence(await dig(...words)));
  });

  test(
    'proves a name and its wildcard to Pebble, through an alias and through a resolver',
    { timeout: 120_000 },
    async () => {
      const authoritative = new Authoritative({
        resolvers: [unbound.server],
        serverPort: bind.port,
      });
      const solver = new DnsSolver({
        provider: new ResponderProvider({ settings, store, responder }),
        aliases: authoritative,
        visibility: new Propagation(authoritative),
        store: new MemoryChallengeStore(),
      });
      const pebble = await Pebble.start({ dnsServer: unbound.server, httpPort: 1, tlsPort: 1 });
      try {
        const customer = new AcmeCustomer(pebble);
        const names = ['hub.test', '*.hub.test', 'films.hub.test', '*.films.hub.test'];
        const chain = await customer.obtain(customer.authority(), { names, solver });
        const { subjectAltName } = new X509Certificate(chain);
        expect(subjectAltName?.split(', ').toSorted()).toEqual(
          names.map((name) => `DNS:${name}`).toSorted(),
        );
        expect(await dig('+short', 'hub-test.acme.hub.test', 'TXT')).toBe('');
        expect(await dig('+short', '_acme-challenge.films.hub.test', 'TXT')).toBe('');
      } finally {
        await pebble.stop();
      }
    },
  );
});

async function askDig(
  server: { readonly host: string; readonly port: number },
  ...words: string[]
): Promise<string> {
  const fixed = [`@${server.host}`, '-p', `${server.port}`, '+norecurse', '+time=5', '+tries=2'];
  const { stdout } = await promisify(execFile)(partPath('dig'), [...fixed, ...words]);
  return stdout;
}

/** The result and the records, in no order. */
function essence(output: string): string[] {
  const status = /status: (\w+)/.exec(output)?.[1] ?? 'none';
  const records = output.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  return [status, ...records.map((line) => line.replaceAll(/\s+/g, ' ')).toSorted()];
}
