import { describe, expect, it } from 'vitest';

import {
  MemoryLocalLogin,
  MemoryProviders,
  MemorySsoLinks,
} from '../../../test/support/memory-sso.ts';
import { SsoDesk } from '../../../test/support/sso-desk.ts';
import type { Notice } from '../../notices/notice.ts';
import type { Role } from '../account.ts';
import { LocalLoginSwitch, openLocalLogin, requireWayIn } from './local-login.ts';
import { safeReturnTo } from './return-to.ts';
import { settledRole } from './role-map.ts';

describe('where a browser goes afterwards', () => {
  it.each([
    '/',
    '/servers',
    '/servers/01900000-0000-7000-8000-000000000000',
    '/device?code=ABCD-EFGH',
    '/admin/users#x',
    '/security/',
  ])('%s is an address of ours', (text) => {
    expect(safeReturnTo(text)).toBe(text);
  });

  it.each([
    undefined,
    '',
    'servers',
    '//e',
    '/\\e',
    '\\\\e',
    '/%5ce',
    '/%5Ce',
    '/%2fe',
    '/%2Fe',
    'https:e',
    'https://e',
    'HTTPS:/e',
    '/%0d%0a',
    '/\r\n',
    '/\t/e',
    '/ /e',
    '//user@e',
    '/@e',
    '/a@b',
    'https://hub.example.org@e',
    '/.//e',
    '/..//e',
    '/../e',
    '/a//e',
    '/;@e',
    '/a:b',
    'javascript:alert(1)',
    'data:text/html,x',
    '/\u0000',
    '/\u2028',
    '/\uFF0Fe',
    `/${'a'.repeat(200)}`,
  ])('%j leads to the start', (text) => {
    expect(safeReturnTo(text)).toBe('/');
  });
});

describe('a role', () => {
  it.each<[Role, Role | undefined, Role | undefined, Role, Role | undefined]>([
    // now, given before, given now, then, remembered
    ['owner', undefined, undefined, 'owner', undefined],
    ['owner', undefined, 'admin', 'admin', 'admin'],
    ['admin', 'admin', 'admin', 'admin', 'admin'],
    ['admin', 'admin', 'owner', 'owner', 'owner'],
    ['admin', 'admin', undefined, 'member', undefined],
    ['admin', undefined, 'owner', 'admin', undefined],
    ['admin', undefined, undefined, 'admin', undefined],
    ['owner', 'admin', undefined, 'owner', undefined],
    ['member', undefined, 'owner', 'owner', 'owner'],
    ['owner', undefined, 'owner', 'owner', undefined],
    ['owner', undefined, 'member', 'owner', undefined],
  ])(
    '%s, given %s before and %s now, becomes %s',
    (current, givenBefore, given, role, givenRole) => {
      expect(settledRole(current, { given, givenBefore })).toEqual({ role, givenRole });
    },
  );
});

describe('local sign-in', () => {
  const audit = { note: () => undefined };
  const start = new Date('2026-03-01T12:00:00Z');

  it('is refused when it is off, and open for as long as the host said', async () => {
    const store = new MemoryLocalLogin();
    let now = start;
    const local = new LocalLoginSwitch({ isOn: false, store, now: () => now });
    await expect(local.requireOpen()).rejects.toMatchObject({ code: 'login.disabled' });
    const told: Notice[] = [];
    const notices = { tell: (notice: Notice) => void told.push(notice) };
    const until = await openLocalLogin(30 * 60_000, { store, audit, notices, now });
    expect(told).toMatchObject([
      { kind: 'login.local-open', to: { kind: 'admins' }, facts: { until } },
    ]);
    await expect(local.requireOpen()).resolves.toBeUndefined();
    now = new Date(start.getTime() + 30 * 60_000);
    await expect(local.requireOpen()).rejects.toMatchObject({ code: 'login.disabled' });
    expect(await new LocalLoginSwitch({ isOn: true, store }).isOpen()).toBe(true);
  });

  it.each([0, 59_999, 24 * 3_600_000 + 1])('is not opened for %i ms', async (ms) => {
    const parts = {
      store: new MemoryLocalLogin(),
      audit,
      notices: { tell: () => undefined },
      now: start,
    };
    await expect(openLocalLogin(ms, parts)).rejects.toMatchObject({ code: 'sso.settings' });
  });

  it('may be off only where a provider has answered and an admin is linked', async () => {
    const desk = new SsoDesk();
    const parts = { providers: desk.providerStore, links: desk.links };
    const lockout = { code: 'sso.lockout' };
    await expect(requireWayIn(parts)).rejects.toMatchObject(lockout);
    await desk.addProvider({ issuer: 'https://idp.example.org' });
    desk.link(desk.addAccount({ role: 'admin' }), 'https://idp.example.org');
    await expect(requireWayIn(parts)).rejects.toMatchObject(lockout);
    await desk.providerStore.noteAnswer('home', start);
    await expect(requireWayIn(parts)).resolves.toBeUndefined();
    await desk.providers.change('home', { isEnabled: false }, 'host');
    await expect(requireWayIn(parts)).rejects.toMatchObject(lockout);
    const nobody = { providers: new MemoryProviders(), links: new MemorySsoLinks(new Map()) };
    await expect(requireWayIn(nobody)).rejects.toMatchObject(lockout);
  });
});

describe('a provider', () => {
  const issuer = 'https://idp.example.org';

  it.each([
    { issuer: 'http://idp.example.org', allow: [] },
    { issuer: 'https://idp.example.org/?x' },
    { issuer: 'https://user:pw@idp.example.org' },
    { issuer: 'nonsense' },
    { id: 'UPPER' },
    { id: 'a b' },
    { id: '../x' },
    { clientId: '' },
    { scopes: ['email'] },
    { allow: ['10.0.0.0/33'] },
    { name: 'a\u0000b' },
    { secret: '' },
    { secret: 'a\nb' },
  ])('cannot be %j', async (wish) => {
    await expect(new SsoDesk().addProvider({ issuer, ...wish })).rejects.toMatchObject({
      code: 'sso.settings',
    });
  });

  it('keeps its issuer and its secret when the rest changes', async () => {
    const desk = new SsoDesk();
    await desk.addProvider({ issuer, secret: 'first' });
    const changed = await desk.providers.change('home', { name: 'Else' }, 'host');
    expect(changed.sealedSecret?.toString()).toBe('sso-provider:home|first');
    await expect(
      desk.providers.change('home', { issuer: 'https://else.example' }, 'host'),
    ).rejects.toMatchObject({ code: 'sso.settings' });
    expect(
      (await desk.providers.change('home', { secret: null }, 'host')).sealedSecret,
    ).toBeUndefined();
  });
});
