import type { Answer } from 'dns-packet';
import { afterEach, beforeEach, expect, test } from 'vitest';

import {
  fromRecords,
  startNameServer,
  type Answering,
  type NameServer,
} from '../../../test/support/name-server.ts';
import { Authoritative } from './authoritative.ts';
import { DnsError } from './failure.ts';
import { Propagation, type PropagationLimits } from './propagation.ts';

const name = '_acme-challenge.example.org';
const record = { name, value: 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM' };
const proof: Answer = { name, type: 'TXT', ttl: 60, data: record.value };

const world = (serial: number): Answer[] => [
  {
    name: 'example.org',
    type: 'SOA',
    ttl: 60,
    data: { mname: 'ns1.example.org', rname: 'h.example.org', serial },
  },
  { name: 'example.org', type: 'NS', ttl: 60, data: 'ns1.example.org' },
  { name: 'example.org', type: 'NS', ttl: 60, data: 'ns2.example.org' },
  { name: 'ns1.example.org', type: 'A', ttl: 60, data: '127.0.0.2' },
  { name: 'ns2.example.org', type: 'A', ttl: 60, data: '127.0.0.3' },
  { name, type: 'TXT', ttl: 60, data: 'of-an-earlier-order' },
];

/** What each of the two servers has beside the world. */
let first: Answer[];
let second: Answer[];
const running: NameServer[] = [];
beforeEach(() => {
  first = [];
  second = [];
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

const calm = (): AbortSignal => AbortSignal.timeout(15_000);

async function play(
  limits: Partial<PropagationLimits> = {},
  deaf?: Answering,
): Promise<Propagation> {
  const resolver = await startNameServer(fromRecords(() => world(1)));
  const { port } = resolver;
  const one = await startNameServer(
    fromRecords(() => [...world(7), ...first]),
    { host: '127.0.0.2', port },
  );
  const two = await startNameServer(deaf ?? fromRecords(() => [...world(5), ...second]), {
    host: '127.0.0.3',
    port,
  });
  running.push(resolver, one, two);
  const quick = { udpTimeoutMs: 100, udpAttempts: 1, tcpTimeoutMs: 100 };
  const dns = new Authoritative({
    resolvers: [`127.0.0.1:${port}`],
    serverPort: port,
    limits: quick,
  });
  return new Propagation(dns, { timeoutMs: 1000, firstPauseMs: 20, longestPauseMs: 50, ...limits });
}

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

test('a record that every server shows is there at once', async () => {
  first.push(proof);
  second.push(proof);
  await expect((await play()).waitFor(record, calm())).resolves.toBeUndefined();
});

test('the slowest server is waited for', async () => {
  first.push(proof);
  const propagation = await play({ timeoutMs: 10_000 });
  const wait = propagation.waitFor(record, calm());
  let isOver = false;
  const watched = wait.then(() => {
    isOver = true;
  });
  const slow = running[2];
  await expect
    .poll(() => slow?.asked.filter(({ type }) => type === 'TXT').length)
    .toBeGreaterThan(3);
  expect(isOver).toBe(false);
  second.push(proof);
  await watched;
});

test('the server that lags is named, with its serial beside the newest', async () => {
  first.push(proof);
  const error = await failureOf((await play()).waitFor(record, calm()));
  expect(error.code).toBe('dns.lagging');
  expect(error.message).toContain('ns2.example.org does not show it (serial 5)');
  expect(error.message).toContain('ns1.example.org shows it (serial 7)');
  expect(error.message).toContain(name);
});

test('a record at no server points at the provider of the settings', async () => {
  const error = await failureOf((await play()).waitFor(record, calm()));
  expect(error.message).toContain('no server shows it');
  expect(error.message).toContain('the provider in the settings');
});

test('a dead secondary is passed by after a while, as resolvers do', async () => {
  first.push(proof);
  const propagation = await play({ silenceMs: 300, timeoutMs: 10_000 }, () => undefined);
  const startedAt = performance.now();
  await propagation.waitFor(record, calm());
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
});

test('a lame secondary is passed by too', async () => {
  first.push(proof);
  const propagation = await play({ silenceMs: 100 }, () => ({ rcode: 5 }));
  await expect(propagation.waitFor(record, calm())).resolves.toBeUndefined();
});

test('a dead secondary does not excuse the one that lags', async () => {
  const error = await failureOf(
    (await play({ silenceMs: 50 }, () => undefined)).waitFor(record, calm()),
  );
  expect(error.message).toContain('ns1.example.org does not show it');
  expect(error.message).toContain('ns2.example.org does not answer for example.org');
});

test('a record is looked for where its alias leads', async () => {
  const elsewhere = 'proof.example.org';
  const alias: Answer = {
    name: '_acme-challenge.movies.example.org',
    type: 'CNAME',
    ttl: 60,
    data: elsewhere,
  };
  for (const zone of [first, second]) zone.push(alias, { ...proof, name: elsewhere });
  await expect(
    (await play()).waitFor({ ...record, name: alias.name }, calm()),
  ).resolves.toBeUndefined();
});

test('the wait ends when it is told to', async () => {
  const stop = new AbortController();
  const wait = (await play({ timeoutMs: 60_000 })).waitFor(record, stop.signal);
  await expect.poll(() => running[2]?.asked.length).toBeGreaterThan(1);
  stop.abort(new Error('the hub stops'));
  await expect(wait).rejects.toThrow(/the hub stops|aborted/);
});
