import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { metricOf } from '../support/hub-metrics.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const proxy = '127.0.0.2';
const verify = '/api/v1/verify';
/** Of a request that waits at the proxy: a page below the hub's own name. */
const waiting = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-method': 'GET',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'hub.localhost',
  'x-forwarded-uri': '/charts/today?days=7',
};

let hub: HubProcess;
let admin: ApiClient;
let atProxy: ApiClient;
const lines: string[] = [];

beforeAll(async () => {
  const settings = { HUB_TRUSTED_PROXIES: proxy, HUB_STEP_UP: 'everything' };
  hub = await HubProcess.start({ settings, onLine: (line) => lines.push(line) });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  await admin.invite('zoë', 'owner');
  atProxy = new ApiClient(hub, undefined, proxy);
  const body = { username: 'zoë', password };
  await atProxy.ask('POST', '/api/v1/auth/login', { body, headers: { 'x-forwarded-for': '::5' } });
});
afterAll(async () => {
  await hub.stop();
});

describe('a proxy that asks who waits there', () => {
  test('is told, and it is counted', async () => {
    const before = await metricOf(lines, 'phlix_hub_forward_auth_total', { result: 'known' });
    const said = await atProxy.ask('GET', verify, { headers: waiting });
    expect(said).toMatchObject({
      status: 204,
      headers: { 'x-phlix-user': 'zo%C3%AB', 'x-phlix-groups': 'owner' },
    });
    expect(await metricOf(lines, 'phlix_hub_forward_auth_total', { result: 'known' })).toBe(
      before + 1,
    );
  });

  test('is told of a program by its token', async () => {
    const made = await atProxy.askProven('POST', '/api/v1/tokens', {
      name: 'charts',
      scopes: ['account:read'],
    });
    const program = new ApiClient(hub, undefined, proxy);
    const authorization = `Bearer ${String(made.json['token'])}`;
    const headers = { ...waiting, authorization };
    expect(await program.ask('GET', verify, { headers })).toMatchObject({ status: 204 });
    const wrong = { ...waiting, authorization: `${authorization}x` };
    expect(await program.ask('GET', verify, { headers: wrong })).toMatchObject({ status: 401 });
  });

  test('is told nothing of a token that may not say whose it is', async () => {
    const scopes = ['servers:read', 'servers:write', 'usage:read', 'account:write'];
    const made = await atProxy.askProven('POST', '/api/v1/tokens', { name: 'narrow', scopes });
    const program = new ApiClient(hub, undefined, proxy);
    const headers = { ...waiting, authorization: `Bearer ${String(made.json['token'])}` };
    const said = await program.ask('GET', verify, { headers });
    expect(said).toMatchObject({ status: 401, json: { code: 'login.required' } });
    expect(said.headers).not.toHaveProperty('x-phlix-user');
  });

  test('gets no word of anybody unless it says what waits, each once and whole', async () => {
    const odd: Record<string, string | readonly string[] | undefined>[] = [
      ...Object.keys(waiting)
        .slice(1)
        .map((name) => ({ [name]: undefined })),
      { 'x-forwarded-uri': ['/charts', '/admin'] },
      { 'x-forwarded-method': 'get it' },
      { 'x-forwarded-proto': 'ws' },
      { 'x-forwarded-host': 'hub.localhost/x' },
      { 'x-forwarded-uri': 'https://elsewhere.example' },
    ];
    for (const change of odd) {
      const said = await atProxy.ask('GET', verify, { headers: { ...waiting, ...change } });
      expect([change, said.status]).toEqual([change, 401]);
      expect(said.headers).not.toHaveProperty('x-phlix-user');
    }
  });

  test('is believed only if it is trusted', async () => {
    const before = await metricOf(lines, 'phlix_hub_forward_auth_total', { result: 'untrusted' });
    for (const client of [admin, new ApiClient(hub, undefined, '127.0.0.3')]) {
      const said = await client.ask('GET', verify, { headers: waiting });
      expect(said).toMatchObject({ status: 401, json: { code: 'login.required' } });
      expect(said.headers).not.toHaveProperty('x-phlix-user');
    }
    expect(await metricOf(lines, 'phlix_hub_forward_auth_total', { result: 'untrusted' })).toBe(
      before + 2,
    );
  });

  test('sends a person to the sign-in and back, and tells a program', async () => {
    const stranger = new ApiClient(hub, undefined, proxy);
    const page = { ...waiting, accept: 'text/html,*/*' };
    const at = async (change: Record<string, string>) =>
      (await stranger.ask('GET', verify, { headers: { ...page, ...change } })).headers.location;
    const host = new URL(hub.url).host;
    const signIn = `${hub.url}/sign-in`;
    expect(await at({ 'x-forwarded-host': host })).toBe(
      `${signIn}?return=${encodeURIComponent('/charts/today?days=7')}`,
    );
    expect(await at({ 'x-forwarded-host': host, 'x-forwarded-uri': '//evil.example' })).toBe(
      signIn,
    );
    expect(await at({ 'x-forwarded-host': 'charts.example.org' })).toBe(signIn);
    expect(await stranger.ask('GET', verify, { headers: waiting })).toMatchObject({ status: 401 });
    const post = { ...page, 'x-forwarded-method': 'POST' };
    expect(await stranger.ask('GET', verify, { headers: post })).toMatchObject({ status: 401 });
  });

  test('lets no other site post with the cookie', async () => {
    const post = { ...waiting, 'x-forwarded-method': 'POST' };
    const own = await atProxy.ask('GET', verify, { headers: post });
    expect(own.status).toBe(204);
    const headers = {
      ...post,
      'sec-fetch-site': 'same-site',
      origin: 'https://evil.phlix.localhost',
    };
    const said = await atProxy.ask('GET', verify, { headers });
    expect(said).toMatchObject({ status: 403, json: { code: 'api.same-site' } });
  });
});

test('where everything is asked about, so is a small change, once for ten minutes', async () => {
  const owner = await admin.invite('olga', 'owner');
  const lookup = { body: { user_code: 'BCDF-GHJK' } };
  const first = await owner.ask('POST', '/api/v1/devices/lookup', lookup);
  expect(first).toMatchObject({ status: 403, json: { code: 'login.step-up' } });
  expect(await metricOf(lines, 'phlix_hub_step_ups_total', { result: 'asked' })).toBeGreaterThan(0);
  const proven = await owner.askProven('POST', '/api/v1/devices/lookup', lookup.body);
  expect(proven.json['code']).not.toBe('login.step-up');
  const again = await owner.ask('POST', '/api/v1/devices/lookup', lookup);
  expect(again.json['code']).not.toBe('login.step-up');
  expect((await owner.ask('GET', '/api/v1/account')).status).toBe(200);
});
