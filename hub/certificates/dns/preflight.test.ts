import type { Answer } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  fromRecords,
  startNameServer,
  type Answering,
  type NameServer,
} from '../../../test/support/name-server.ts';
import { Authoritative } from './authoritative.ts';
import { DnsError } from './failure.ts';
import { Preflight, type PreflightWish } from './preflight.ts';
import { Propagation } from './propagation.ts';
import type { Delegation, DnsProvider, TxtRecord } from './provider.ts';

const soa = (name: string): Answer => ({
  name,
  type: 'SOA',
  ttl: 60,
  data: { mname: `ns1.${name}`, rname: `h.${name}`, serial: 1 },
});
const ns = (name: string, data: string): Answer => ({ name, type: 'NS', ttl: 60, data });
const a = (name: string, data: string): Answer => ({ name, type: 'A', ttl: 60, data });
const cname = (name: string, data: string): Answer => ({ name, type: 'CNAME', ttl: 60, data });
const caa = (name: string, value: string, tag: 'issue' | 'issuewild' = 'issue'): Answer => ({
  name,
  type: 'CAA',
  ttl: 60,
  data: { flags: 0, tag, value },
});

const account = 'https://acme.example/acct/1';
const wish: PreflightWish = {
  names: ['*.phlix.example.org', 'phlix.example.org'],
  challenge: 'dns-01',
  authority: 'https://acme.example/directory',
};
const calm = (): AbortSignal => AbortSignal.timeout(15_000);
const quick = { udpTimeoutMs: 150, udpAttempts: 1, tcpTimeoutMs: 150 };

/** What the zone's two servers hold; `second` is undefined where they agree. */
let records: Answer[];
/** What the zone above says. */
let referral: string[];
let provider: ZoneEditor;
const running: NameServer[] = [];

/** A provider whose zone is `records`. */
class ZoneEditor implements DnsProvider {
  readonly name = 'editor';
  readonly added: TxtRecord[] = [];
  failure: DnsError | undefined;
  delegations: readonly Delegation[] | undefined;
  removal: DnsError | undefined;
  isPublishing = true;

  async add(record: TxtRecord): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.added.push(record);
    if (this.isPublishing)
      records.push({ name: record.name, type: 'TXT', ttl: 60, data: record.value });
  }

  async remove(record: TxtRecord): Promise<void> {
    if (this.removal !== undefined) throw this.removal;
    records = records.filter(({ name, type }) => name !== record.name || type !== 'TXT');
  }
}

beforeEach(() => {
  records = [
    soa('example.org'),
    ns('example.org', 'ns1.example.org'),
    ns('example.org', 'ns2.example.org'),
    a('ns1.example.org', '127.0.0.2'),
    a('ns2.example.org', '127.0.0.3'),
    a('phlix.example.org', '192.0.2.1'),
  ];
  referral = ['ns1.example.org', 'ns2.example.org'];
  provider = new ZoneEditor();
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

const above: Answer[] = [soa('org'), ns('org', 'ns.org'), a('ns.org', '127.0.0.4')];

const standingOf = async () => ({ identities: ['ca.example'], accountUrl: account });

const refer: Answering = () => ({
  isAuthoritative: false,
  authorities: referral.map((name) => ns('example.org', name)),
});

async function play(second?: Answering): Promise<Preflight> {
  const everything = fromRecords(() => [...records, ...above]);
  const resolver = await startNameServer(everything);
  const { port } = resolver;
  const zone = fromRecords(() => records);
  running.push(resolver);
  running.push(await startNameServer(zone, { host: '127.0.0.2', port }));
  running.push(await startNameServer(second ?? zone, { host: '127.0.0.3', port }));
  running.push(await startNameServer(refer, { host: '127.0.0.4', port }));
  const authoritative = new Authoritative({
    resolvers: [`127.0.0.1:${port}`],
    serverPort: port,
    limits: quick,
  });
  return new Preflight({
    authoritative,
    propagation: new Propagation(authoritative, {
      timeoutMs: 400,
      firstPauseMs: 20,
      silenceMs: 100,
    }),
    provider,
    standingOf,
  });
}

async function found(
  preflight: Preflight,
  changes: Partial<PreflightWish> = {},
): Promise<string[]> {
  const findings = await preflight.check({ ...wish, ...changes }, calm());
  return findings.map(({ severity, error }) => `${severity} ${error.code} ${error.message}`);
}

describe('a proof in the DNS', () => {
  test('is ready where a canary comes to every server, and leaves nothing behind', async () => {
    const before = [...records];
    expect(await found(await play())).toEqual([]);
    expect(provider.added).toHaveLength(1);
    expect(provider.added[0]?.name).toBe('_acme-challenge.phlix.example.org');
    expect(records).toEqual(before);
  });

  test('sends its canary where the alias leads', async () => {
    records.push(cname('_acme-challenge.phlix.example.org', 'proof.example.org'));
    expect(await found(await play())).toEqual([]);
    expect(provider.added[0]?.name).toBe('proof.example.org');
  });

  test('gives hooks in RAW mode what they ask for', async () => {
    await found(await play());
    expect(provider.added[0]?.proof?.domain).toBe('phlix.example.org');
  });

  test('is not tried again within the hour', async () => {
    const preflight = await play();
    await found(preflight);
    await found(preflight);
    expect(provider.added).toHaveLength(1);
  });

  test('is not ready with an alias in a circle', async () => {
    records.push(cname('_acme-challenge.phlix.example.org', '_acme-challenge.phlix.example.org'));
    expect(await found(await play())).toEqual([expect.stringMatching(/^blocks dns\.alias /)]);
    expect(provider.added).toEqual([]);
  });

  test('is not ready in a domain that nobody has registered', async () => {
    const names = ['phlix.exmaple.org'];
    const said = await found(await play(), { names });
    expect(said[0]).toMatch(/^blocks dns\.not-delegated .*registrar/);
  });

  test('is not ready where no server holds the zone', async () => {
    records = records.filter(({ name }) => name !== 'ns1.example.org');
    const said = await found(await play(() => ({ rcode: 5 })));
    expect(said[0]).toMatch(/^blocks dns\.not-delegated /);
    expect(said[0]).toContain('ns2.example.org');
  });

  test('may succeed beside a server that does not hold the zone, which is named', async () => {
    const said = await found(await play(() => ({ rcode: 5 })));
    expect(said).toEqual([
      expect.stringMatching(
        /^warns dns\.not-delegated The name server ns2\.example\.org \(127\.0\.0\.3\) does not hold example\.org/,
      ),
    ]);
  });

  test('may succeed beside a server that is down, which is named', async () => {
    const said = await found(await play(() => undefined));
    expect(said).toEqual([expect.stringMatching(/^warns .*ns2\.example\.org .*does not answer/)]);
  });

  test('may succeed where the registrar names other servers than the zone', async () => {
    referral = ['ns1.example.org', 'ns.old-provider.example'];
    const said = await found(await play());
    expect(said).toEqual([
      expect.stringMatching(/^warns .*ns\.old-provider\.example, ns1\.example\.org/),
    ]);
  });

  test('is not ready when one server does not get the record', async () => {
    const stale = [...records];
    const said = await found(await play(fromRecords(() => stale)));
    expect(said).toEqual([
      expect.stringMatching(/^blocks dns\.lagging .*ns2\.example\.org does not show it/),
    ]);
    expect(records).toEqual(stale);
  });

  test('is not ready when the provider writes into a zone that nobody asks', async () => {
    provider.isPublishing = false;
    const said = await found(await play());
    expect(said).toEqual([
      expect.stringMatching(/^blocks dns\.lagging .*the provider in the settings/),
    ]);
  });

  test("is not ready when the provider refuses, in the provider's words", async () => {
    provider.failure = new DnsError('dns.unauthorised', 'check the token');
    const preflight = await play();
    expect(await found(preflight)).toEqual(['blocks dns.unauthorised check the token']);
    await expect(preflight.assertReady(wish, calm())).rejects.toBe(provider.failure);
  });

  test('is ready beside a canary that stays, which is told', async () => {
    provider.removal = new DnsError('dns.unreachable', 'the API is down');
    const preflight = await play();
    expect(await found(preflight)).toEqual(['warns dns.unreachable the API is down']);
    await expect(preflight.assertReady(wish, calm())).resolves.toBeUndefined();
  });

  test('ends when it is told to', async () => {
    const preflight = await play(() => undefined);
    const stop = new AbortController();
    const check = preflight.check(wish, stop.signal);
    await expect.poll(() => running[2]?.asked.length).toBeGreaterThan(0);
    stop.abort(new Error('the hub stops'));
    await expect(check).rejects.toThrow(/the hub stops|aborted/);
  });
});

describe("a zone of the hub's own", () => {
  const place = 'phlix-example-org.acme.example.org';
  beforeEach(() => {
    const nameServers = [{ name: 'ns.acme.example.org', addresses: ['127.0.0.2', '2001:db8::2'] }];
    provider.delegations = [{ zone: 'acme.example.org', nameServers }];
    records.push(cname('_acme-challenge.phlix.example.org', place));
  });

  test('is ready once it is delegated', async () => {
    records.push(
      soa('acme.example.org'),
      ns('acme.example.org', 'ns.acme.example.org'),
      a('ns.acme.example.org', '127.0.0.2'),
    );
    expect(await found(await play())).toEqual([]);
    expect(provider.added[0]?.name).toBe(place);
  });

  test('is not asked for its delegation where resolvers are all that may be asked', async () => {
    await play();
    const resolvers = [`127.0.0.1:${running[0]?.port ?? 0}`];
    const authoritative = new Authoritative({ resolvers, asksResolversOnly: true, limits: quick });
    const propagation = new Propagation(authoritative, { timeoutMs: 400, firstPauseMs: 20 });
    const preflight = new Preflight({ authoritative, propagation, provider, standingOf });
    expect(await found(preflight)).toEqual([]);
    expect(provider.added).toHaveLength(1);
  });

  test('is told what to add above it, to be pasted', async () => {
    const said = await found(await play());
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(
      /^blocks dns\.not-delegated .* add to the zone example\.org the records /,
    );
    expect(said[0]).toContain('acme.example.org. NS ns.acme.example.org.');
    expect(said[0]).toContain('ns.acme.example.org. A 127.0.0.2');
    expect(said[0]).toContain('ns.acme.example.org. AAAA 2001:db8::2');
    expect(provider.added).toEqual([]);
  });

  test('that is delegated to others is told the same', async () => {
    records.push(soa('acme.example.org'), ns('acme.example.org', 'ns1.example.org'));
    expect((await found(await play()))[0]).toContain('acme.example.org. NS ns.acme.example.org.');
  });

  test('whose port nobody reaches is told the same', async () => {
    records.push(
      soa('acme.example.org'),
      ns('acme.example.org', 'ns.acme.example.org'),
      a('ns.acme.example.org', '127.0.0.9'),
    );
    expect((await found(await play()))[0]).toContain('let UDP and TCP port 53 through');
  });
});

describe('CAA records', () => {
  test('far above the name count, and the remedy can be pasted', async () => {
    records.push(caa('example.org', 'digicert.com'));
    const said = await found(await play());
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(
      /^blocks dns\.caa The CAA records at example\.org do not let ca\.example certify \*\.phlix/,
    );
    expect(said[0]).toContain('add the record example.org. CAA 0 issue "ca.example" to the zone.');
    expect(provider.added).toEqual([]);
  });

  test('nearer to the name hide those above', async () => {
    records.push(caa('example.org', 'digicert.com'), caa('phlix.example.org', 'ca.example'));
    expect(await found(await play())).toEqual([]);
  });

  test('for wildcards stop wildcards only', async () => {
    records.push(caa('example.org', 'ca.example'), caa('example.org', ';', 'issuewild'));
    const said = await found(await play());
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('certify *.phlix.example.org');
    expect(said[0]).toContain('CAA 0 issuewild "ca.example"');
  });

  test('that bind another account stop this one', async () => {
    records.push(caa('example.org', 'ca.example; accounturi=https://acme.example/acct/2'));
    expect((await found(await play()))[0]).toContain(`this hub's is ${account}`);
  });

  test('behind an alias count', async () => {
    records = records.filter(({ name }) => name !== 'phlix.example.org');
    records.push(
      cname('phlix.example.org', 'elsewhere.example.org'),
      caa('elsewhere.example.org', ';'),
    );
    expect((await found(await play()))[0]).toMatch(/dns\.caa .*only nobody/);
  });
});

describe('a proof over a port', () => {
  const overPort: Partial<PreflightWish> = { names: ['phlix.example.org'], challenge: 'http-01' };

  test('is ready where the name has an address, and writes nothing', async () => {
    expect(await found(await play(), overPort)).toEqual([]);
    expect(provider.added).toEqual([]);
  });

  test('is not ready where it has none', async () => {
    const said = await found(await play(), { ...overPort, names: ['films.example.org'] });
    expect(said).toEqual([
      expect.stringMatching(/^blocks dns\.no-address .*add the record films\.example\.org\. A /),
    ]);
  });

  test('is stopped by CAA records that allow another proof only', async () => {
    records.push(caa('example.org', 'ca.example; validationmethods=dns-01'));
    expect((await found(await play(), overPort))[0]).toContain('this hub proves by http-01');
  });

  test('needs no zone that public servers know, where the house knows the name', async () => {
    const preflight = await play();
    records.push(a('phlix.lan', '192.168.0.2'));
    const said = await found(preflight, { ...overPort, names: ['phlix.lan'] });
    expect(said.every((finding) => finding.startsWith('warns '))).toBe(true);
    await expect(
      preflight.assertReady({ ...wish, ...overPort, names: ['phlix.lan'] }, calm()),
    ).resolves.toBeUndefined();
  });
});
