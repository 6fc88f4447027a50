import { describe, expect, test } from 'vitest';

import { ApiError } from '../problem/api-error.ts';
import { ownCookies, setCookieLine } from './cookies.ts';
import { requireNoToken, requireOwnPage } from './guards.ts';
import { pagePolicy, securityHeaders } from './headers.ts';

const origin = 'https://hub.example';

function passes(method: string, fields: Record<string, string>, opensChannel = false): boolean {
  try {
    requireOwnPage(method, { header: (name) => fields[name] }, { origin, opensChannel });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'api.same-site') return false;
    throw error;
  }
}

describe('an unsafe method', () => {
  const cookie = '__Host-phlix_session=x';
  test.each([
    ['from the hub’s own page', { 'sec-fetch-site': 'same-origin', origin, cookie }],
    ['from an old browser’s page of the hub', { origin, cookie }],
    ['from a program without cookies', {}],
    ['from a program with a token', { authorization: 'Bearer x' }],
  ])('%s passes', (_, fields) => expect(passes('POST', fields)).toBe(true));

  test.each([
    [
      'a tenant on a sibling name',
      { 'sec-fetch-site': 'same-site', origin: 'https://evil.example' },
    ],
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['the address bar', { 'sec-fetch-site': 'none', cookie }],
    ['a sandboxed frame', { origin: 'null', cookie }],
    ['a sandboxed frame that says so', { 'sec-fetch-site': 'cross-site', origin: 'null' }],
    ['a tenant in an old browser', { origin: 'https://evil.example', cookie }],
    ['a tenant in an old browser, before the first cookie', { origin: 'https://evil.example' }],
    ['the hub over plain HTTP', { origin: 'http://hub.example', cookie }],
    ['the hub at another port', { origin: 'https://hub.example:8443', cookie }],
    ['nobody knows where, with a cookie', { cookie }],
    ['nobody knows where, with a cookie that is not ours', { cookie: 'a=b' }],
    ['who contradicts himself', { 'sec-fetch-site': 'cross-site', origin }],
    ['who says it twice', { 'sec-fetch-site': 'same-origin, cross-site', origin }],
  ])('from %s is refused', (_, fields) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'post'])
      expect([method, passes(method, fields)]).toEqual([method, false]);
  });

  test('a GET passes from everywhere, unless it opens a channel', () => {
    const fields = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example', cookie };
    expect(passes('GET', fields)).toBe(true);
    expect(passes('GET', fields, true)).toBe(false);
    expect(passes('GET', { cookie }, true)).toBe(false);
    expect(passes('GET', { 'sec-fetch-site': 'same-origin', cookie }, true)).toBe(true);
  });
});

describe('a token in the address', () => {
  const token = `phx_pat_abcdefgh_${'x'.repeat(49)}`;
  test.each([
    `?access_token=${token}`,
    `?q=${token}`,
    `?q=a&r=%70hx_pat_abcdefgh`,
    '?access_token=anything',
    '?token=phd_abcdefgh_secret',
  ])('is found in %s', (query) => {
    expect(() => requireNoToken(`${origin}/api/v1/servers${query}`)).toThrow('Authorization');
  });

  test.each(['', '?cursor=abc', '?token=setup-token', '?q=phx'])(
    'is not found in "%s"',
    (query) => {
      expect(() => requireNoToken(`${origin}/api/v1/servers${query}`)).not.toThrow();
    },
  );
});

describe('cookies', () => {
  test('are ours when their name has the prefix', () => {
    const cookies = ownCookies(['phlix_session=planted; __Host-phlix_session=ours; a=b']);
    expect([...(cookies ?? [])]).toEqual([['phlix_session', 'ours']]);
  });

  test.each([
    ['twice in one line', ['__Host-phlix_session=a; __Host-phlix_session=b']],
    ['in two lines', ['__Host-phlix_session=a', '__Host-phlix_session=a']],
    ['in another case', ['__Host-phlix_session=a; __host-phlix_session=b']],
    ['twice, of a name that we do not use', ['__Host-x=a; __Host-x=b']],
  ])('with one name %s are none', (_, lines) => expect(ownCookies(lines)).toBeUndefined());

  test.each(['', ';;;', '=', '=__Host-phlix_session=a', '__Host-phlix_session', '; ='])(
    'of "%s" there are none, and nothing breaks',
    (line) => expect(ownCookies([line])?.size).toBe(0),
  );

  test('are set for this host alone, closed to scripts and to plain HTTP', () => {
    expect(setCookieLine({ name: 'phlix_session', value: 'abc', maxAgeMs: 60_500 })).toBe(
      '__Host-phlix_session=abc; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60',
    );
    expect(setCookieLine({ name: 'phlix_login', value: undefined })).toContain('=; Path=/');
    expect(() => setCookieLine({ name: 'phlix_tb', value: 'a; Domain=x' })).toThrow('break');
  });
});

describe('the headers of every answer', () => {
  test('hold the policy as it is written in the requirements', () => {
    expect(pagePolicy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
  });

  test.each([
    ['tenants.example', 'max-age=31536000; includeSubDomains'],
    ['hub.example', 'max-age=31536000'],
    ['t.hub.example', 'max-age=31536000'],
  ])('speak for hosts below the hub only where no tenant lives: %s', (tenantDomain, said) => {
    const headers = new Map(securityHeaders({ hubHost: 'hub.example', tenantDomain }));
    expect(headers.get('strict-transport-security')).toBe(said);
  });
});
