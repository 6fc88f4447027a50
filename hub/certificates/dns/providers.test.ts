import { afterEach, describe, expect, test } from 'vitest';

import { startCloudflare } from '../../../test/support/dns-apis/cloudflare.ts';
import { startDesec } from '../../../test/support/dns-apis/desec.ts';
import { startDigitalOcean } from '../../../test/support/dns-apis/digitalocean.ts';
import { startHetznerConsole } from '../../../test/support/dns-apis/hetzner-console.ts';
import { startHetzner } from '../../../test/support/dns-apis/hetzner.ts';
import type { ApiReply, DnsApi } from '../../../test/support/dns-apis/local-api.ts';
import { startRoute53 } from '../../../test/support/dns-apis/route53.ts';
import { Secret } from '../../../shared/settings/secret.ts';
import { DnsError } from './failure.ts';
import { openHetzner } from './hetzner.ts';
import type { DnsProvider } from './provider.ts';
import type { DnsProviderSettings } from './provider-settings.ts';
import { openDnsProvider } from './providers.ts';
import { Route53 } from './route53.ts';

const apis: [name: string, start: () => Promise<DnsApi>][] = [
  ['cloudflare', startCloudflare],
  ['digitalocean', startDigitalOcean],
  ['hetzner', startHetzner],
  ['hetzner console', startHetznerConsole],
  ['desec', startDesec],
  ['route53', startRoute53],
];

const zone = 'example.org';
const name = '_acme-challenge.movies.example.org';
const one = { name, value: 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM' };
const other = { name, value: 'gfj9Xq-Rg85nMcMOc_gmtoMLHDhK3oGRvkiefQnx7OO' };

const running: DnsApi[] = [];
afterEach(async () => {
  for (const api of running.splice(0)) await api.stop();
});

function open(api: DnsApi, credential?: string): DnsProvider {
  const settings = api.settings(credential);
  if (settings.kind === 'route53') return new Route53(settings, { pauseMs: 5 });
  if (settings.kind === 'hetzner') return openHetzner(settings, 5);
  return openDnsProvider(settings);
}

async function started(
  start: () => Promise<DnsApi>,
): Promise<{ api: DnsApi; provider: DnsProvider }> {
  const api = await start();
  running.push(api);
  return { api, provider: open(api) };
}

const calm = (): AbortSignal => AbortSignal.timeout(15_000);

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

/** What no API says, or none of this kind. */
const oddBodies: readonly string[] = [
  'null',
  '[]',
  '{}',
  '"text"',
  '0',
  'true',
  '[[[[[]]]]]',
  '['.repeat(100_000),
  '{"success":true,"errors":null,"result":null}',
  '{"success":true,"errors":[],"result":[{"id":"../../user","name":"example.org"}]}',
  '{"zones":[{"id":-1,"name":"example.org"}]}',
  '{"domain":{"name":"elsewhere.example"}}',
  '[{"name":"elsewhere.example","minimum_ttl":-1}]',
  '{"rrset":{"records":[{"value":null}]}}',
  '{"error":{"code":"","message":""}}',
  '{"id":"","message":""}',
  '{"detail":"x"}',
  '<ErrorResponse><Error><Code>',
  '<ListHostedZonesByNameResponse><HostedZone><Id>/hostedzone/../x</Id><Name>example.org.</Name></HostedZone>',
  '\u0000\u0001\u0002\ufffd',
];

describe.each(apis)('the provider %s', (_, start) => {
  test('keeps the values of apex and wildcard side by side, and removes each alone', async () => {
    const { api, provider } = await started(start);
    await provider.add(one, calm());
    await provider.add(other, calm());
    expect(api.values(zone, name).toSorted()).toEqual([one.value, other.value].toSorted());
    await provider.remove(one, calm());
    expect(api.values(zone, name)).toEqual([other.value]);
    await provider.remove(other, calm());
    expect(api.values(zone, name)).toEqual([]);
  });

  test('leaves what other programs keep at the name', async () => {
    const { api, provider } = await started(start);
    api.seed(zone, name, 'of-another-program');
    await provider.add(one, calm());
    expect(api.values(zone, name).toSorted()).toEqual([one.value, 'of-another-program'].toSorted());
    await provider.remove(one, calm());
    expect(api.values(zone, name)).toEqual(['of-another-program']);
  });

  test('takes what is there, and what is not there any more, for a success', async () => {
    const { api, provider } = await started(start);
    await provider.add(one, calm());
    await provider.add(one, calm());
    expect(api.values(zone, name)).toEqual([one.value]);
    await provider.remove(one, calm());
    await provider.remove(one, calm());
    expect(api.values(zone, name)).toEqual([]);
  });

  test('writes into the zone with the longest matching name', async () => {
    const { api, provider } = await started(start);
    const deep = { ...one, name: '_acme-challenge.deep.example.org' };
    await provider.add(deep, calm());
    expect(api.values('deep.example.org', deep.name)).toEqual([one.value]);
    expect(api.values(zone, deep.name)).toEqual([]);
  });

  test('writes at the very name of a zone, where CNAME records may lead', async () => {
    const { api, provider } = await started(start);
    await provider.add({ ...one, name: zone }, calm());
    expect(api.values(zone, zone)).toContain(one.value);
    await provider.remove({ ...one, name: zone }, calm());
    expect(api.values(zone, zone)).not.toContain(one.value);
  });

  test('finds its record behind more others than fit on a page', async () => {
    const { api, provider } = await started(start);
    for (let number = 0; number < 120; number += 1) api.seed(zone, name, `other-${number}`);
    await provider.add(one, calm());
    await provider.add(one, calm());
    expect(api.values(zone, name)).toHaveLength(121);
    await open(api).remove(one, calm());
    expect(api.values(zone, name)).toHaveLength(120);
  });

  test('says that the credential is wrong, without repeating it', async () => {
    const { api } = await started(start);
    const wrong = 'wrong-credential-9876543210';
    const error = await failureOf(open(api, wrong).add(one, calm()));
    expect(error.code).toBe('dns.unauthorised');
    expect(error.message).toMatch(/check the .*(token|key)/);
    expect(`${error.message} ${String(error.cause)}`).not.toContain(wrong);
    expect(api.values(zone, name)).toEqual([]);
  });

  test('says that no zone of the account holds the name', async () => {
    const { provider } = await started(start);
    const error = await failureOf(
      provider.add({ ...one, name: '_acme-challenge.example.net' }, calm()),
    );
    expect(error.code).toBe('dns.zone-unknown');
    expect(error.message).toContain('_acme-challenge.example.net');
  });

  test('asks again after a short wait that the provider asks for', async () => {
    const { api, provider } = await started(start);
    api.interject({ status: 429, headers: { 'retry-after': '0' }, body: 'slow down' });
    await provider.add(one, calm());
    expect(api.values(zone, name)).toEqual([one.value]);
  });

  test('hands a long wait to its caller instead of sleeping it', async () => {
    const { api, provider } = await started(start);
    api.interject({ status: 429, headers: { 'retry-after': '86400' }, body: 'slow down' });
    const error = await failureOf(provider.add(one, calm()));
    expect(error.code).toBe('dns.rate-limited');
    expect(error.retryAfterMs).toBe(86_400_000);
  });

  test.each(['999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'])(
    'believes no wait of years: %s',
    async (value) => {
      const { api, provider } = await started(start);
      api.interject({ status: 429, headers: { 'retry-after': value }, body: 'slow down' });
      const error = await failureOf(provider.add(one, calm()));
      expect(error.retryAfterMs).toBe(8 * 86_400_000);
    },
  );

  test.each<[string, ApiReply]>([
    [
      'a page of HTML with status 200',
      {
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<html><body>Please log in</body></html>',
      },
    ],
    ['JSON of another shape', { status: 200, body: { hello: ['world'] } }],
    ['an empty answer', { status: 200, body: '' }],
    ['a page of HTML with status 404', { status: 404, body: '<html>Not Found</html>' }],
    ['a redirect to elsewhere', { status: 302, headers: { location: 'http://127.0.0.1:1/steal' } }],
  ])('does not take %s for an answer', async (_, reply) => {
    const { api, provider } = await started(start);
    api.interject(reply);
    const error = await failureOf(provider.add(one, calm()));
    expect(error.code).toBe('dns.bad-answer');
    expect(error.message).toContain('127.0.0.1');
    expect(api.values(zone, name)).toEqual([]);
  });

  test('answers of any shape end in a success or in an error of its own', async () => {
    const { api, provider } = await started(start);
    const outcomes = new Set<unknown>();
    for (const body of oddBodies) {
      for (const status of [200, 201, 404, 409]) {
        for (const place of [0, 1, 2, 3]) {
          let calls = 0;
          api.interjectAt(
            () => {
              calls += 1;
              return calls > place;
            },
            () => ({ status, body }),
          );
          await provider.add(one, calm()).catch((error: unknown) => {
            outcomes.add(error instanceof DnsError ? 'told' : error);
          });
          api.forget();
        }
      }
    }
    expect([...outcomes]).toEqual(['told']);
  }, 60_000);

  test('ends when it is told to', async () => {
    const { api, provider } = await started(start);
    api.interject({ status: 429, headers: { 'retry-after': '20' } });
    const stop = new AbortController();
    const work = provider.add(one, stop.signal);
    await expect.poll(() => api.calls.length).toBe(1);
    stop.abort(new Error('the hub stops'));
    await expect(work).rejects.toThrow(/the hub stops|aborted/);
  });

  test('asks for nothing outside the names of DNS', async () => {
    const { api, provider } = await started(start);
    const error = await failureOf(
      provider.add({ ...one, name: 'x/../../tokens?.example.org' }, calm()),
    );
    expect(error.code).toBe('dns.zone-unknown');
    expect(api.calls).toEqual([]);
  });
});

test('a credential with a line break in it is refused before it can stand in an error', async () => {
  const api = await startCloudflare();
  running.push(api);
  expect(() => open(api, 'half-of-a-token\nother-half')).toThrow(/copy it again/);
  expect(() => open(api, 'half-of-a-token\nother-half')).not.toThrow(/other-half/);
});

test('an outage of a moment at the provider is waited out', async () => {
  const { api, provider } = await started(startDigitalOcean);
  api.interject({ status: 503, body: 'upstream connect error' });
  await provider.add(one, calm());
  expect(api.values(zone, name)).toEqual([one.value]);
});

test('a longer outage is told with the words of the provider', async () => {
  const { api, provider } = await started(startDigitalOcean);
  const failing = {
    status: 503,
    body: { id: 'unavailable', message: 'Server was unable to give you a response' },
  };
  api.interject(failing, failing, failing);
  const error = await failureOf(provider.add(one, calm()));
  expect(error.code).toBe('dns.unreachable');
  expect(error.message).toContain('Server was unable to give you a response');
});

test('an API that nobody answers for is named', async () => {
  const { api, provider } = await started(startDigitalOcean);
  await api.stop();
  running.splice(0);
  const error = await failureOf(provider.add(one, calm()));
  expect(error.code).toBe('dns.unreachable');
  expect(error.message).toContain('ECONNREFUSED');
});

test('an answer that breaks off is asked for again', async () => {
  const { api, provider } = await started(startDigitalOcean);
  api.interject({ status: 200, body: '{"domain":{"na', isCut: true });
  await provider.add(one, calm());
  expect(api.values(zone, name)).toEqual([one.value]);
});

test('Cloudflare: an identical record that the list does not show yet is a success', async () => {
  const { api, provider } = await started(startCloudflare);
  api.seed(zone, name, one.value);
  api.interjectAt(
    ({ path }) => path.endsWith('/dns_records'),
    () => ({ status: 200, body: { success: true, errors: [], result: [] } }),
  );
  await provider.add(one, calm());
  expect(api.values(zone, name)).toEqual([one.value]);
});

test('Hetzner: a record that another process was quicker with is a success', async () => {
  const { api, provider } = await started(startHetzner);
  api.seed(zone, name, one.value);
  api.interjectAt(
    ({ path }) => path.endsWith('/TXT'),
    () => ({ status: 404, body: { error: { code: 'not_found', message: 'RRSet not found' } } }),
  );
  await provider.add(one, calm());
  expect(api.values(zone, name)).toEqual([one.value]);
});

test('an answer without end is not kept', async () => {
  const { api, provider } = await started(startDigitalOcean);
  api.interject({ status: 200, body: 'x'.repeat(5 * 1024 * 1024) });
  expect((await failureOf(provider.add(one, calm()))).code).toBe('dns.bad-answer');
});

test('a record that the list does not show yet is removed by the id it was made with', async () => {
  const { api, provider } = await started(startCloudflare);
  await provider.add(one, calm());
  api.interjectAt(
    ({ path }) => path.endsWith('/dns_records'),
    () => ({ status: 200, body: { success: true, errors: [], result: [] } }),
  );
  await provider.remove(one, calm());
  expect(api.values(zone, name)).toEqual([]);
});

test('Cloudflare: a failure in an envelope with status 200 is a failure', async () => {
  const { api, provider } = await started(startCloudflare);
  api.interject({
    status: 200,
    body: {
      success: false,
      errors: [{ code: 1003, message: 'Invalid or missing zone id' }],
      result: null,
    },
  });
  const error = await failureOf(provider.add(one, calm()));
  expect(error.code).toBe('dns.rejected');
  expect(error.message).toContain('Invalid or missing zone id');
});

test('Cloudflare: a token that may not edit the zone is told from one that does not exist', async () => {
  const { api, provider } = await started(startCloudflare);
  api.interject({
    status: 403,
    body: {
      success: false,
      errors: [{ code: 10_000, message: 'Authentication error' }],
      result: null,
    },
  });
  const error = await failureOf(provider.add(one, calm()));
  expect(error.code).toBe('dns.forbidden');
  expect(error.message).toContain('Zone / DNS / Edit');
});

test('Hetzner: an action that ends in an error is no success', async () => {
  const { api, provider } = await started(startHetzner);
  const error = { code: 'action_failed', message: 'Action failed' };
  api.interjectAt(
    ({ path }) => path.startsWith('/actions/'),
    () => ({ status: 200, body: { action: { id: 1, status: 'error', error } } }),
  );
  const failure = await failureOf(provider.add(one, calm()));
  expect(failure.code).toBe('dns.rejected');
  expect(failure.message).toContain('Action failed');
});

test('Hetzner: a zone that another change locks is tried again', async () => {
  const { api, provider } = await started(startHetzner);
  api.interjectAt(
    ({ method }) => method === 'POST',
    () => ({ status: 423, body: { error: { code: 'locked', message: 'zone is locked' } } }),
  );
  await provider.add(one, calm());
  expect(api.values(zone, name)).toEqual([one.value]);
});

test('deSEC: the time to live of a set that exists is kept', async () => {
  const { api, provider } = await started(startDesec);
  api.seed(zone, name, 'of-another-program');
  await provider.add(one, calm());
  const written = api.calls.find(({ method }) => method === 'PATCH');
  expect(JSON.parse(written?.body ?? '')).toMatchObject([{ ttl: 7200 }]);
});

test('deSEC: a value that another writer overwrote is written again', async () => {
  const { api, provider } = await started(startDesec);
  api.interjectAt(
    ({ method }) => method === 'PATCH',
    () => {
      // Taken, and gone again before the next look: the other had read the set before.
      api.seed(zone, name, other.value);
      return { status: 200, body: [] };
    },
  );
  await provider.add(one, calm());
  expect(api.values(zone, name).toSorted()).toEqual([one.value, other.value].toSorted());
});

test('Route 53: two writers at once lose nothing', async () => {
  const { api, provider } = await started(startRoute53);
  await Promise.all([provider.add(one, calm()), open(api).add(other, calm())]);
  expect(api.values(zone, name).toSorted()).toEqual([one.value, other.value].toSorted());
});

test('Route 53: a change counts once all its servers have it', async () => {
  const { api, provider } = await started(startRoute53);
  await provider.add(one, calm());
  expect(api.calls.filter(({ path }) => path.includes('/change/')).length).toBeGreaterThan(1);
});

test('Route 53: a wrong clock is called a wrong clock', async () => {
  const api = await startRoute53();
  running.push(api);
  const settings = api.settings();
  if (settings.kind !== 'route53') throw new Error('not route53');
  const provider = new Route53(settings, { now: () => new Date('2026-01-01T00:00:00Z') });
  const error = await failureOf(provider.add(one, calm()));
  expect(error.code).toBe('dns.clock');
  expect(error.message).toMatch(/clock/);
});

test.each<[string, DnsProviderSettings]>([
  ['cloudflare', { kind: 'cloudflare', token: new Secret('t') }],
  ['digitalocean', { kind: 'digitalocean', token: new Secret('t') }],
  ['hetzner', { kind: 'hetzner', api: 'cloud', token: new Secret('t') }],
  ['hetzner', { kind: 'hetzner', api: 'console', token: new Secret('t') }],
  ['desec', { kind: 'desec', token: new Secret('t') }],
  ['exec', { kind: 'exec', path: '/bin/true' }],
  [
    'httpreq',
    { kind: 'httpreq', url: new URL('http://127.0.0.1/'), user: undefined, password: undefined },
  ],
  [
    'rfc2136',
    {
      kind: 'rfc2136',
      server: { host: '127.0.0.1', port: 53 },
      zone: undefined,
      key: undefined,
    },
  ],
  [
    'route53',
    {
      kind: 'route53',
      accessKeyId: 'k',
      secretAccessKey: new Secret('s'),
      sessionToken: undefined,
      hostedZoneId: undefined,
    },
  ],
])('settings of %s open that provider', (kind, settings) => {
  expect(openDnsProvider(settings).name).toBe(kind);
});
