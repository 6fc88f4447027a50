import { describe, expect, test } from 'vitest';

import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { readConfig } from '../config.ts';
import { stagingOf, type AcmeTls } from './acme.ts';

const machine = { bindsLowPorts: true, stateFolder: '/var/lib/phlix-hub', memoryBytes: 2 ** 33 };
const least = {
  HUB_TLS: 'acme',
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
  HUB_ACME_AGREE_TERMS: '1',
};
const cloudflare = { HUB_DNS_PROVIDER: 'cloudflare', HUB_DNS_CLOUDFLARE_TOKEN: 'wFh3jQ0pLmX7' };

function acme(environment: Environment = {}): AcmeTls {
  const { tls } = readConfig({ ...least, ...environment }, machine);
  if (tls.kind !== 'acme') throw new Error('another kind of TLS');
  return tls;
}

const directoryOf = (name: string, more: Environment = {}) =>
  acme({ HUB_ACME_DIRECTORY: name, ...more }).authority.directoryUrl;

function problemsOf(environment: Environment): readonly string[] {
  try {
    readConfig(environment, machine);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ name }) => name);
    throw error;
  }
  return [];
}

describe('HUB_TLS=acme', () => {
  test('needs nothing but names that are public, and a yes to the terms', () => {
    expect(acme()).toEqual({
      kind: 'acme',
      authority: {
        directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
        email: undefined,
        externalAccount: undefined,
        caFile: undefined,
      },
      fallback: undefined,
      challenge: 'http-01',
      domainChallenge: 'http-01',
      profile: undefined,
      dns: undefined,
    });
    expect(problemsOf({ HUB_TLS: 'acme' }).toSorted()).toEqual([
      'HUB_ACME_AGREE_TERMS',
      'HUB_PUBLIC_URL',
      'HUB_TENANT_DOMAIN',
    ]);
    expect(problemsOf({ ...least, HUB_ACME_AGREE_TERMS: '0' })).toEqual(['HUB_ACME_AGREE_TERMS']);
  });

  test.each<[Environment, string, string]>([
    [{}, 'http-01', 'http-01'],
    [{ HUB_HTTP_LISTEN: 'off' }, 'tls-alpn-01', 'tls-alpn-01'],
    [cloudflare, 'dns-01', 'http-01'],
    [{ ...cloudflare, HUB_HTTP_LISTEN: 'off' }, 'dns-01', 'tls-alpn-01'],
    [{ HUB_ACME_CHALLENGE: 'tls-alpn-01' }, 'tls-alpn-01', 'http-01'],
  ])('with %o proves its names by %s and those of owners by %s', (more, own, domains) => {
    expect(acme(more)).toMatchObject({ challenge: own, domainChallenge: domains });
  });

  test('knows authorities by name, and others by their directory', () => {
    expect(directoryOf('letsencrypt-staging')).toMatch(/^https:\/\/acme-staging/);
    expect(directoryOf('https://ca.example:14000/dir')).toBe('https://ca.example:14000/dir');
    const account = {
      HUB_ACME_EAB_KID: 'kid-1',
      HUB_ACME_EAB_HMAC_KEY: 'zWNDZM6eQGHWpSRTPal5eIUY',
    };
    expect(directoryOf('zerossl', account)).toMatch(/zerossl/);
    expect(problemsOf({ ...least, HUB_ACME_DIRECTORY: 'google' })).toEqual(['HUB_ACME_EAB_KID']);
    for (const wrong of ['letsencript', 'http://ca.example/dir', 'toString'])
      expect(problemsOf({ ...least, HUB_ACME_DIRECTORY: wrong })).toEqual(['HUB_ACME_DIRECTORY']);
  });

  test('rehearses only where the account of the settings is good for it', () => {
    const account = {
      HUB_ACME_EAB_KID: 'kid-1',
      HUB_ACME_EAB_HMAC_KEY: 'zWNDZM6eQGHWpSRTPal5eIUY',
    };
    expect(stagingOf(directoryOf('letsencrypt'))).toBe(directoryOf('letsencrypt-staging'));
    for (const bound of ['google', 'zerossl'])
      expect(stagingOf(directoryOf(bound, account))).toBeUndefined();
  });

  test('prints no secret', () => {
    const text = JSON.stringify(
      acme({
        ...cloudflare,
        HUB_ACME_EAB_KID: 'kid-1',
        HUB_ACME_EAB_HMAC_KEY: 'zWNDZM6eQGHWpSRTPal5eIUY',
      }),
    );
    expect(text).toContain('kid-1');
    expect(text).not.toMatch(/zWNDZM6e|wFh3jQ0p/);
  });

  test('has a second authority, with an account of its own', () => {
    const { fallback } = acme({
      HUB_ACME_FALLBACK_DIRECTORY: 'zerossl',
      HUB_ACME_FALLBACK_EAB_KID: 'kid-2',
      HUB_ACME_FALLBACK_EAB_HMAC_KEY: 'zWNDZM6eQGHWpSRTPal5eIUY',
    });
    expect(fallback?.externalAccount).toMatchObject({ kid: 'kid-2' });
    expect(problemsOf({ ...least, HUB_ACME_FALLBACK_DIRECTORY: 'letsencrypt' })).toEqual([
      'HUB_ACME_FALLBACK_DIRECTORY',
    ]);
    expect(problemsOf({ ...least, HUB_ACME_FALLBACK_EAB_KID: 'kid-2' })).toEqual([
      'HUB_ACME_FALLBACK_EAB_KID',
    ]);
  });

  test('wants a key of the operator’s for a database that others may read', () => {
    const database = { ...least, HUB_DATABASE_URL: 'postgresql://hub:8Q2mXv0tJ6@db.example/hub' };
    expect(problemsOf(database)).toEqual(['HUB_SECRET_KEY']);
    const first = 'k0v5yT8mWqZr3nXs7bLd2fGh6jPc9aEu';
    const second = 'Zr3nXs7bLd2fGh6jPc9aEuk0v5yT8mWq';
    const { secretKeys } = readConfig(
      { ...database, HUB_SECRET_KEY: `${first}, ${second}` },
      machine,
    );
    expect(secretKeys?.map((key) => key.reveal())).toEqual([first, second]);
    for (const wrong of ['short', 'a'.repeat(40), `${first},`])
      expect(problemsOf({ ...database, HUB_SECRET_KEY: wrong })).toEqual(['HUB_SECRET_KEY']);
  });

  test.each<[string, Environment]>([
    ['HUB_ACME_CHALLENGE', { HUB_ACME_CHALLENGE: 'dns-01' }],
    ['HUB_ACME_CHALLENGE', { HUB_ACME_CHALLENGE: 'http-01', HUB_HTTP_LISTEN: 'off' }],
    ['HUB_ACME_CHALLENGE', { HUB_ACME_CHALLENGE: 'http-01', ...cloudflare }],
    ['HUB_ACME_CHALLENGE', { HUB_ACME_CHALLENGE: 'dns-persist-01' }],
    ['HUB_ACME_EMAIL', { HUB_ACME_EMAIL: 'mailto:me@example.org' }],
    ['HUB_ACME_PROFILE', { HUB_ACME_PROFILE: 'two words' }],
    ['HUB_ACME_EAB_HMAC_KEY', { HUB_ACME_EAB_KID: 'kid-1' }],
  ])('%s is refused in %o', (name, more) => {
    expect(problemsOf({ ...least, ...more })).toEqual([name]);
  });
});

test.each([{ HUB_ACME_EMAIL: 'me@example.org' }, cloudflare, { HUB_ACME_AGREE_TERMS: '1' }])(
  '%o without HUB_TLS=acme is a mistake that would be found when it is too late',
  (environment) => {
    expect(problemsOf(environment)).toEqual(['HUB_TLS']);
  },
);

describe('HUB_DNS_PROVIDER', () => {
  const secret = 'wFh3jQ0pLmX7';
  const providers: [string, Environment, object][] = [
    [
      'rfc2136',
      { HUB_DNS_RFC2136_SERVER: 'ns1.example.org', HUB_DNS_RFC2136_ZONE: 'Example.org.' },
      { server: { host: 'ns1.example.org', port: 53 }, zone: 'example.org', key: undefined },
    ],
    ['cloudflare', { HUB_DNS_CLOUDFLARE_TOKEN: secret }, {}],
    [
      'route53',
      { HUB_DNS_ROUTE53_ACCESS_KEY_ID: 'AKIA', HUB_DNS_ROUTE53_SECRET_ACCESS_KEY: secret },
      { accessKeyId: 'AKIA', sessionToken: undefined, hostedZoneId: undefined },
    ],
    ['hetzner', { HUB_DNS_HETZNER_TOKEN: secret }, { api: 'cloud' }],
    ['desec', { HUB_DNS_DESEC_TOKEN: secret }, {}],
    ['digitalocean', { HUB_DNS_DIGITALOCEAN_TOKEN: secret }, {}],
    ['exec', { HUB_DNS_EXEC_PATH: '/etc/dns-hook' }, { path: '/etc/dns-hook' }],
    [
      'httpreq',
      { HUB_DNS_HTTPREQ_URL: 'https://dns.example/hook' },
      { url: new URL('https://dns.example/hook'), user: undefined, password: undefined },
    ],
    [
      'responder',
      { HUB_DNS_RESPONDER_ZONES: 'acme.example.org', HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7' },
      {
        listen: [{ host: undefined, port: 53 }],
        zones: ['acme.example.org'],
        addresses: ['192.0.2.7'],
        serverName: undefined,
        caa: [],
        texts: [],
      },
    ],
    [
      'responder',
      {
        HUB_DNS_RESPONDER_ZONES: 'films.example.org',
        HUB_DNS_RESPONDER_ADDRESSES: '192.0.2.7',
        HUB_DNS_RESPONDER_LISTEN: '192.0.2.7:53, [2001:db8::7]:53',
        HUB_DNS_RESPONDER_CAA: 'issue ca.test; validationmethods=dns-01, 128 IssueWild ";"',
        HUB_DNS_RESPONDER_TXT: '_PSL.films.example.org=https://example.org/?pull=1',
      },
      {
        listen: [
          { host: '192.0.2.7', port: 53 },
          { host: '2001:db8::7', port: 53 },
        ],
        caa: [
          { flags: 0, tag: 'issue', value: 'ca.test; validationmethods=dns-01' },
          { flags: 128, tag: 'issuewild', value: ';' },
        ],
        texts: [{ name: '_psl.films.example.org', value: 'https://example.org/?pull=1' }],
      },
    ],
  ];

  test.each(providers)('%s is read, and needs what it needs', (kind, environment, part) => {
    const { dns } = acme({ HUB_DNS_PROVIDER: kind, ...environment });
    expect(dns?.provider).toMatchObject({ kind, ...part });
    const missing = problemsOf({ ...least, HUB_DNS_PROVIDER: kind });
    expect(missing.length).toBeGreaterThan(0);
    expect(Object.keys(environment)).toEqual(expect.arrayContaining([...missing]));
  });

  test('rfc2136 has a key whole or not at all', () => {
    const server = { HUB_DNS_PROVIDER: 'rfc2136', HUB_DNS_RFC2136_SERVER: '[2001:db8::53]:5353' };
    const key = { HUB_DNS_RFC2136_KEY_NAME: 'phlix.', HUB_DNS_RFC2136_KEY: 'c2VjcmV0c2VjcmV0' };
    expect(acme({ ...server, ...key }).dns?.provider).toMatchObject({
      server: { host: '2001:db8::53', port: 5353 },
      key: { name: 'phlix', algorithm: 'hmac-sha256' },
    });
    const half = { ...least, ...server, HUB_DNS_RFC2136_KEY_NAME: 'phlix' };
    expect(problemsOf(half)).toEqual(['HUB_DNS_RFC2136_KEY']);
  });

  test('of which settings of another are refused, and settings without one', () => {
    const both = { ...least, ...cloudflare, HUB_DNS_DESEC_TOKEN: secret };
    expect(problemsOf(both)).toEqual(['HUB_DNS_DESEC_TOKEN']);
    expect(problemsOf({ ...least, HUB_DNS_DESEC_TOKEN: secret })).toEqual(['HUB_DNS_DESEC_TOKEN']);
  });

  test.each([
    ['HUB_DNS_RFC2136_SERVER', 'ns1:0'],
    ['HUB_DNS_RFC2136_SERVER', '2001:db8::53'],
    ['HUB_DNS_RFC2136_SERVER', 'ns1.example.org:66000'],
    ['HUB_DNS_RESOLVERS', 'dns.example.org'],
    ['HUB_DNS_RESPONDER_ADDRESSES', '192.0.2.7, here'],
    ['HUB_DNS_RESPONDER_LISTEN', '53'],
    ['HUB_DNS_RESPONDER_CAA', 'letsencrypt.org'],
    ['HUB_DNS_RESPONDER_CAA', '256 issue letsencrypt.org'],
    ['HUB_DNS_RESPONDER_TXT', '_psl.films.example.org'],
    ['HUB_DNS_RESPONDER_TXT', '=value'],
    ['HUB_DNS_HTTPREQ_URL', 'https://me:pw@dns.example/hook'],
    ['HUB_DNS_PROVIDER', 'godaddy'],
  ])('%s is not %s', (name, value) => {
    expect(problemsOf({ ...least, [name]: value })).toContain(name);
  });
});
