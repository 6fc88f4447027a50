import { describe, expect, test } from 'vitest';

import {
  tenantFields,
  type Curbed,
  missingFrom,
  usualOver,
  usualTenantFields,
} from './response-policy.ts';

const hostname = 'movies.phlix.example';
const asked = { hostname, authority: `${hostname}:8443`, target: '/web/sw.js?v=1' };

/** What becomes of one line, and what is counted. */
function line(name: string, value: string): [string | undefined, ...Curbed[]] {
  const counted: Curbed[] = [];
  const [, allowed] = tenantFields([name, value], asked, (what) => counted.push(what));
  return [allowed, ...counted];
}

describe('a cookie', () => {
  test.each([
    ['of the parent', 'a=b; Domain=phlix.example; Path=/', 'a=b; Path=/'],
    ['of the parent with a dot', 'a=b; Domain=.phlix.example', 'a=b'],
    ['of the parent with a dot behind', 'a=b; domain=phlix.example.; Secure', 'a=b; Secure'],
    ['of the host itself', 'a=b; DOMAIN=Movies.Phlix.Example', 'a=b'],
    ['of the top', 'a=b; domain=example', 'a=b'],
    ['of nobody', 'a=b; Domain=; Path=/', 'a=b; Path=/'],
    ['of nobody, in a word', 'a=b; Domain; Path=/', 'a=b; Path=/'],
    ['with blanks around', 'a=b;\t Domain \t=\t phlix.example \t; Path=/', 'a=b; Path=/'],
    ['in quotes', 'a=b; Domain="phlix.example"', 'a=b'],
    ['in escapes', 'a=b; Domain=%70hlix.example', 'a=b'],
    ['with a wide dot', 'a=b; Domain=phlix\xe3\x80\x82example', 'a=b'],
    ['longer than any name', `a=b; Domain=a${'.'.repeat(300)}b`, 'a=b'],
    ['of two', 'a=b; Domain=other.example; Domain=phlix.example', 'a=b; Domain=other.example'],
    [
      'whose value looks like an attribute',
      'a=Domain=phlix.example; Domain=phlix.example',
      'a=Domain=phlix.example',
    ],
  ])('%s belongs to its host only, and is counted', (_whose, value, allowed) => {
    expect(line('set-cookie', value)).toEqual([allowed, 'cookie-domain']);
  });

  test.each([
    'a=b',
    'a=b; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=3600',
    'a=b; Domain=elsewhere.example',
    'a=b; Domain=ix.example',
    'a=b; Domain=below.movies.phlix.example',
    'a=b; Domains=phlix.example',
    'domain=phlix.example; Path=/',
    '__Host-session=1; Secure; Path=/',
    '',
  ])('such as %s is passed on as it is', (value) => {
    expect(line('set-cookie', value)).toEqual([value]);
  });

  test.each([
    '__Host-phlix_session=evil; Secure; Path=/',
    '__host-PHLIX_tb=evil',
    '=__Host-phlix_session=evil',
    ' = __Host-phlix_session=evil',
    '__Host-phlix',
  ])('with a name of the hub, %s, is dropped', (value) => {
    expect(line('set-cookie', value)).toEqual([undefined, 'cookie-name']);
  });
});

test.each([
  ['clear-site-data', '"cookies"', 'clear-site-data'],
  ['clear-site-data', '"cache"', 'clear-site-data'],
  ['alt-svc', 'h3="evil.example:443"; ma=86400', 'alternative-service'],
  ['nel', '{"report_to":"x","max_age":1}', 'network-reports'],
  ['report-to', '{"group":"x"}', 'network-reports'],
  ['public-key-pins', 'pin-sha256="x"', 'key-pins'],
  ['public-key-pins-report-only', 'pin-sha256="x"', 'key-pins'],
])('%s: %s never reaches a browser', (name, value, what) => {
  expect(line(name, value)).toEqual([undefined, what]);
});

describe('transport security', () => {
  test.each([
    ['max-age=31536000; includeSubDomains', 'max-age=31536000'],
    ['max-age=1; INCLUDESUBDOMAINS ;preload', 'max-age=1'],
    ['includeSubDomains; max-age=1', 'max-age=1'],
    ['includeSubDomains', undefined],
  ])('of more than the host, %s, is cut back', (value, allowed) => {
    expect(line('strict-transport-security', value)).toEqual([allowed, 'transport-security']);
  });

  test('with a domain of 64 KiB costs no more than any other', () => {
    const value = `a=b; Domain=a${'.'.repeat(65_000)}b`;
    const began = performance.now();
    expect(line('set-cookie', value)).toEqual(['a=b', 'cookie-domain']);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('of the host alone is its own affair', () => {
    expect(line('strict-transport-security', 'max-age=63072000')).toEqual(['max-age=63072000']);
  });
});

describe('a service worker', () => {
  test.each([
    '/',
    '/web/..',
    '../',
    '/%2e',
    'https://phlix.example/',
    '//phlix.example/x',
    'http://',
  ])('is not let loose on %s', (value) => {
    expect(line('service-worker-allowed', value)).toEqual([undefined, 'service-worker-scope']);
  });

  test.each(['/web/', './', '/app', 'https://movies.phlix.example:8443/app/'])(
    'may have %s',
    (value) => {
      expect(line('service-worker-allowed', value)).toEqual([value]);
    },
  );
});

test('all other lines pass in their order, and the same array leaves when nothing changed', () => {
  const fields = [
    'etag',
    '"1"',
    'set-cookie',
    'a=b',
    'reporting-endpoints',
    'x="/r"',
    'link',
    '<a>',
  ];
  expect(tenantFields(fields, asked)).toBe(fields);
  const more = ['etag', '"1"', 'alt-svc', 'clear', 'set-cookie', 'a=b', 'nel', '{}', 'link', '<a>'];
  expect(tenantFields(more, asked)).toEqual(['etag', '"1"', 'set-cookie', 'a=b', 'link', '<a>']);
});

describe('what every response is better off with', () => {
  const usual = usualTenantFields({ transportSecurity: true });

  test('is added where it says nothing of its own', () => {
    expect(missingFrom(['etag', '"1"'], usual)).toEqual([
      'strict-transport-security',
      'max-age=31536000',
      'x-content-type-options',
      'nosniff',
    ]);
  });

  test('gives way to what it says, and never holds a policy for pages', () => {
    const own = ['x-content-type-options', 'sniff', 'strict-transport-security', 'max-age=0'];
    expect(missingFrom(own, usual)).toEqual([]);
    expect(usual.join(' ')).not.toMatch(/content-security|frame-options/);
  });

  test('leaves TLS out when the operator wants it so', () => {
    const without = usualTenantFields({ transportSecurity: false });
    expect(missingFrom([], without)).toEqual(['x-content-type-options', 'nosniff']);
  });

  test('says nothing of TLS to whoever came without it', () => {
    expect(usualOver('https', usual)).toBe(usual);
    expect(usualOver('http', usual)).toEqual(['x-content-type-options', 'nosniff']);
    expect(usualOver('http')).toEqual([]);
  });
});
