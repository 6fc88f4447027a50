import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';

import { createLogger } from '../../shared/log.ts';
import type { Account } from '../accounts/account.ts';
import type { Caller, LoginCaller } from '../accounts/caller.ts';
import type { DashboardEnv } from './environment.ts';
import { createPages } from './pages.ts';
import type { PeopleServices } from './services.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;
const at = new Date('2026-11-22T10:00:00Z');
const account: Account = {
  id: '0193c0de-0000-7000-8000-000000000001',
  ownerId: 'operator',
  username: 'robin',
  key: 'robin',
  email: undefined,
  emailVerifiedAt: undefined,
  role: 'admin',
  state: 'active',
  createdAt: at,
  lastLoginAt: at,
  passwordBreached: false,
  networks: [],
};
const login: LoginCaller['login'] = {
  id: 'this-login',
  accountId: account.id,
  secretHash: Buffer.alloc(32),
  methods: ['passkey'],
  restriction: undefined,
  createdAt: at,
  seenAt: at,
  endsAt: new Date('2036-11-22T10:00:00Z'),
  address: '203.0.113.7',
  software: 'Firefox on Windows',
  liftedUntil: undefined,
};
const nobody: Caller = { kind: 'nobody', address: '203.0.113.7', requestId: 'r' };
const robin: LoginCaller = { ...nobody, kind: 'login', account, login };

const nowhere = { spot: undefined, country: undefined };

/** A hub with one of everything, all of it named by an enemy. */
const services: PeopleServices = {
  setup: { isOpen: async () => false },
  localLogin: { isOpen: async () => true },
  providers: {
    offered: async () => [{ id: 'idp', name: hostile }],
  },
  ssoLinks: {
    listOf: async () => [
      {
        id: 'link',
        accountId: account.id,
        providerId: 'idp',
        issuer: 'https://idp.example.org',
        subject: hostile,
        name: hostile,
        givenRole: undefined,
        linkedAt: at,
        lastUsedAt: undefined,
      },
    ],
  },
  accounts: { hasPassword: async () => true },
  logins: { list: async () => [login, { ...login, id: 'other', software: hostile }] },
  travel: { knowsPlaces: true, placeOf: async () => ({ ...nowhere, city: hostile }) },
  passkeys: {
    list: async () => [
      {
        id: 'key',
        accountId: account.id,
        name: hostile,
        createdAt: at,
        isBackupEligible: true,
        isBackedUp: true,
        lastUsedAt: undefined,
      },
    ],
  },
  totp: { find: async () => ({ id: 'totp', createdAt: at, confirmedAt: at }) },
  recovery: { left: async () => 1 },
  trustedBrowsers: {
    list: async () => [
      {
        id: 'browser',
        accountId: account.id,
        software: hostile,
        createdAt: at,
        lastUsedAt: at,
        expiresAt: at,
      },
    ],
  },
  tokens: {
    list: async () =>
      (['personal', 'device'] as const).map((kind) => ({
        id: kind,
        kind,
        accountId: account.id,
        name: hostile,
        scopes: ['servers:read'],
        networks: [],
        createdAt: at,
        expiresAt: at,
        idleMs: undefined,
        app: hostile,
        lastUsedAt: undefined,
        lastUsedFrom: undefined,
      })),
  },
  mail: { isThere: true },
  api: {
    document: () => ({
      paths: {
        '/things': { get: { operationId: 'things.list', tags: ['things'], summary: hostile } },
      },
    }),
  },
};

function hub(caller: Caller, changed: Partial<PeopleServices> = {}): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>();
  app.use(async (context, next) => {
    context.set('caller', caller);
    context.set('isAdminDoorOpen', true);
    await next();
  });
  const pages = createPages({
    hubHost: 'hub.example.org',
    hubUrl: () => 'https://hub.example.org',
    services: { ...services, ...changed },
    read: async () => ({ items: [], next_cursor: null }),
    log: createLogger({ level: 'silent', name: 'test' }),
  });
  return app.route('/', pages);
}

const asPerson = { headers: { accept: 'text/html' } };

async function textOf(app: Hono<DashboardEnv>, path: string): Promise<string> {
  const response = await app.request(path, asPerson);
  expect([path, response.status]).toEqual([path, 200]);
  return response.text();
}

async function securityWith(codesLeft: number, role: Account['role'] = 'owner'): Promise<string> {
  const caller = { ...robin, account: { ...account, role } };
  return textOf(hub(caller, { recovery: { left: async () => codesLeft } }), '/security');
}

const doors = ['/', '/sign-in', '/invite', '/api'];
const ownPages = ['/security', '/devices', '/tokens', '/device?code=WDJB-MJHT', '/enrol'];

describe('pages', () => {
  test('have nothing inline, post their forms, and escape what people have named', async () => {
    const all = [
      ...(await Promise.all(doors.map(async (path) => textOf(hub(nobody), path)))),
      ...(await Promise.all(ownPages.map(async (path) => textOf(hub(robin), path)))),
      await textOf(hub(nobody, { setup: { isOpen: async () => true } }), '/setup'),
    ];
    for (const text of all) {
      expect(text).not.toContain('<img src=x');
      expect(text).not.toMatch(
        /<style|\sstyle=|\son[a-z]+=(?!alert)|<script(?![^>]* src="\/assets\/)/,
      );
      for (const [form] of text.matchAll(/<form[^>]*>/g)) expect(form).toContain('method="post"');
      expect(text).toContain('<html lang="en">');
      expect(text).toContain('<h1>');
    }
  });

  test('of a hub that only providers open offer a new account those, and escape their names', async () => {
    const newcomer = { ...robin, login: { ...login, restriction: 'enrol' } } as const;
    const closed = {
      localLogin: { isOpen: async () => false },
      ssoLinks: { listOf: async () => [] },
    };
    const text = await textOf(hub(newcomer, closed), '/enrol?problem=sso.conflict');
    expect(text).toContain('data-call="POST /api/v1/account/sso-links/idp"');
    expect(text).toContain('linked to another account');
    expect(text).not.toContain('Make a passkey');
    expect(text).not.toContain('<img src=x');
    const none = { ...closed, providers: { offered: async () => [] } };
    expect(await textOf(hub(newcomer, none), '/enrol')).toContain('No provider is set up');
    // Who is linked comes in again, and makes the second factor that is asked of him.
    expect(await textOf(hub(newcomer, { localLogin: closed.localLogin }), '/enrol')).toContain(
      'Make a passkey',
    );
  });

  test('are kept by no cache', async () => {
    const response = await hub(robin).request('/security', asPerson);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('say before an account is locked how many recovery codes open it again', async () => {
    expect(await securityWith(4)).toContain('You have 4 left, one less');
    const without = await securityWith(0);
    expect(without).toContain('You have no recovery codes.</strong>');
    expect(without).toContain('only whoever runs this hub.');
    expect(without).not.toContain('A recovery code that is left opens it');
    expect(without).not.toContain('The hub refuses it');
    expect(await securityWith(0, 'admin')).toContain(
      'The hub refuses it while there is no other admin',
    );
  });

  test('of somebody’s own send strangers to sign in, and back afterwards', async () => {
    for (const path of ['/security', '/devices', '/tokens', '/device?code=WDJB-MJHT']) {
      const response = await hub(nobody).request(path, asPerson);
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toBe(`/sign-in?return=${encodeURIComponent(path)}`);
    }
    const again = await hub(robin).request('/sign-in?return=%2Fdevice%3Fcode%3DWDJB-MJHT');
    expect(again.headers.get('location')).toBe('/device?code=WDJB-MJHT');
  });

  test('send nobody to another site after signing in', async () => {
    for (const evil of ['//evil.example', '/\\evil.example', 'https://evil.example', '/%5cevil']) {
      const path = `/sign-in?return=${encodeURIComponent(evil)}`;
      expect((await hub(robin).request(path)).headers.get('location')).toBe('/');
      expect(await textOf(hub(nobody), path)).toContain('data-after="/"');
    }
  });

  test('lead an account that is not safe yet to where it becomes so', async () => {
    const restricted = hub({ ...robin, login: { ...login, restriction: 'enrol' } });
    for (const path of ['/security', '/devices', '/tokens', '/device', '/servers'])
      expect((await restricted.request(path, asPerson)).headers.get('location')).toBe('/enrol');
    expect(await textOf(restricted, '/enrol')).not.toContain('>Later<');
  });

  test('offer no password where local sign-in is off (A-07)', async () => {
    const text = await textOf(
      hub(nobody, { localLogin: { isOpen: async () => false } }),
      '/sign-in',
    );
    expect(text).not.toContain('name="password"');
    expect(text).toContain('/auth/oidc/idp/start');
  });

  test('offer setup as long as there is no admin, and not afterwards', async () => {
    const fresh = hub(nobody, { setup: { isOpen: async () => true } });
    expect((await fresh.request('/sign-in')).headers.get('location')).toBe('/setup');
    expect(await textOf(fresh, '/')).toContain('href="/setup"');
    expect((await hub(nobody).request('/setup', asPerson)).status).toBe(410);
  });

  test('do not repeat what an address says went wrong', async () => {
    const text = await textOf(
      hub(nobody),
      `/sign-in?problem=${encodeURIComponent('<b>call 555-0100</b>')}`,
    );
    expect(text).not.toContain('555-0100');
    expect(text).toContain('That did not work.');
  });

  test('that are not there say so to people, and leave programs to the API', async () => {
    const response = await hub(nobody).request('/nothing', asPerson);
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.stringContaining('There is nothing at this address'),
    ]);
    const program = await hub(nobody).request('/nothing', { headers: { accept: '*/*' } });
    expect(await program.text()).toBe('404 Not Found');
  });

  test('that fail say that it is the hub’s fault, and no more', async () => {
    const broken = { list: async () => Promise.reject(new Error('secret detail')) };
    const response = await hub(robin, { logins: broken }).request('/devices', asPerson);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain('The hub failed');
    expect(text).not.toContain('secret detail');
  });

  test('show admins the way to their pages, and nobody else', async () => {
    expect(await textOf(hub(robin), '/security')).toContain('href="/admin/users"');
    const member = hub({ ...robin, account: { ...account, role: 'member' } });
    expect(await textOf(member, '/security')).not.toContain('/admin/');
    expect(await textOf(member, '/tokens')).not.toContain('admin:write');
  });
});
