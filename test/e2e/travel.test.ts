import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { metricOf } from '../support/hub-metrics.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { chosenCases } from '../support/long-form.ts';
import { cityFile } from '../support/mmdb.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const london = {
  latitude: 51.51,
  longitude: -0.13,
  accuracyKm: 100,
  country: 'GB',
  city: 'London <b>',
};
const tokyo = { latitude: 35.68, longitude: 139.69, accuracyKm: 20, country: 'JP' };
const cities = { '198.51.100.0/24': london, '203.0.113.0/24': tokyo };
const atHome = '198.51.100.7';
const atWork = '192.0.2.7';
const farAway = '203.0.113.7';

let hub: HubProcess;
let admin: ApiClient;
const lines: string[] = [];
const settings = { HUB_TRUSTED_PROXIES: '127.0.0.1' };
const mapFile = join(temporaryFolder('map').path, 'city.mmdb');

beforeAll(async () => {
  writeFileSync(mapFile, cityFile(cities));
  const more = {
    // The proxy's own network too: whom it does not name must gain nothing by that.
    HUB_TRUSTED_NETWORKS: '192.0.2.0/24, 127.0.0.0/8',
    HUB_GEOIP_DB: mapFile,
  };
  hub = await HubProcess.start({
    settings: { ...settings, ...more },
    onLine: (line) => lines.push(line),
  });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
});
afterAll(async () => {
  await hub.stop();
});

const checks = async (result: string, of: readonly string[] = lines) =>
  metricOf(of, 'phlix_hub_travel_checks_total', { result });

async function signIn(
  client: ApiClient,
  username: string,
  from: string | readonly string[] | undefined,
) {
  const body = { username, password };
  const headers = { 'x-forwarded-for': from };
  return client.ask('POST', '/api/v1/auth/login', { body, headers });
}

test('a list of logins says where each was last seen, in the API, on the page and in the file', async () => {
  const client = await admin.invite('petra', 'owner');
  const outside = new ApiClient(hub);
  for (const [browser, from] of [
    [client, atHome],
    [outside, atWork],
  ] as const)
    expect((await signIn(browser, 'petra', from)).json).toMatchObject({ kind: 'done' });
  const headers = { 'x-forwarded-for': atHome };
  const { json } = await client.ask('GET', '/api/v1/account/logins', { headers });
  expect(json['items']).toMatchObject([
    { network: '192.0.2.0/24', place: null, is_current: false },
    { network: '198.51.100.0/24', place: { country: 'GB', city: 'London <b>' }, is_current: true },
  ]);
  const page = await client.ask('GET', '/devices', {
    headers: { ...headers, accept: 'text/html' },
  });
  expect(page.text).toContain('London &lt;b&gt;, United Kingdom · 198.51.100.0/24');
  expect(page.text).toContain('unknown place · 192.0.2.0/24');
  const file = await client.ask('GET', '/api/v1/account/export', { headers });
  const { logins } = file.json['records'] as { logins: { address: string; place?: string }[] };
  expect(Object.fromEntries(logins.map(({ address, place }) => [address, place]))).toMatchObject({
    [atHome]: 'London <b>, United Kingdom',
    [atWork]: undefined,
  });
  // Used from elsewhere, it is elsewhere.
  const elsewhere = { 'x-forwarded-for': farAway };
  const moved = await client.ask('GET', '/api/v1/account/logins', { headers: elsewhere });
  expect(moved.json['items']).toMatchObject([{}, { place: { country: 'JP', city: null } }]);
});

async function finding(): Promise<unknown> {
  const { json } = await admin.ask('GET', '/api/v1/admin/health');
  return (json['items'] as { check: string }[]).find(({ check }) => check === 'login.travel');
}

test('a sign-in from the other side of the world is counted, written down and told', async () => {
  await admin.invite('olga', 'owner');
  const [first, near, far] = [await checks('first'), await checks('near'), await checks('far')];
  for (const from of [atHome, atHome, farAway])
    expect((await signIn(new ApiClient(hub), 'olga', from)).json).toMatchObject({ kind: 'done' });
  expect([await checks('first'), await checks('near'), await checks('far')]).toEqual([
    first + 1,
    near + 1,
    far + 1,
  ]);
  const { json } = await admin.ask('GET', '/api/v1/admin/audit?event=login.travel');
  expect(json['items']).toMatchObject([{ event: 'login.travel', result: 'ok' }]);
  expect(await finding()).toMatchObject({
    state: 'ok',
    message: expect.stringMatching('GeoIP2-City-Test'),
  });
});

describe.skipIf(!hasParts('oathtool'))('whoever has a second factor', () => {
  let secret: string;
  let client: ApiClient;

  /** Each step of the clock is good for one code: enrolling takes the present one, the sign-in the next. */
  const codeAt = (step: number): string => {
    const words = [
      '--totp',
      '--base32',
      `--now=@${(Math.floor(Date.now() / 30_000) + step) * 30}`,
      '-',
    ];
    return spawnSync(partPath('oathtool'), words, {
      encoding: 'utf8',
      input: secret,
    }).stdout.trim();
  };

  beforeAll(async () => {
    client = await admin.invite('nina', 'owner');
    const started = await client.askProven('POST', '/api/v1/account/totp', {});
    secret = String(started.json['secret']);
    await client.ask('POST', '/api/v1/account/totp/confirm', { body: { code: codeAt(-1) } });
    await signIn(client, 'nina', atHome);
    const body = { code: codeAt(0), trust_browser: true };
    const headers = { 'x-forwarded-for': atHome };
    await client.ask('POST', '/api/v1/auth/mfa/totp', { body, headers });
    if (!client.cookies.has('__Host-phlix_tb')) throw new Error('the browser is not trusted');
  });

  test('is asked for it far away, on a trusted browser too', async () => {
    expect((await signIn(client, 'nina', atHome)).json).toMatchObject({ kind: 'done' });
    const asked = await signIn(client, 'nina', farAway);
    expect(asked.json).toMatchObject({ kind: 'factor', methods: expect.arrayContaining(['totp']) });
    expect((await signIn(client, 'nina', atHome)).json).toMatchObject({ kind: 'done' });
  });

  test('is not asked in a trusted network, where the account knows the browser', async () => {
    client.cookies.delete('__Host-phlix_tb');
    expect((await signIn(client, 'nina', atHome)).json).toMatchObject({ kind: 'factor' });
    expect((await signIn(new ApiClient(hub), 'nina', atWork)).json).toMatchObject({
      kind: 'factor',
    });
    expect((await signIn(client, 'nina', atWork)).json).toMatchObject({ kind: 'done' });
    // Whom the proxy does not name, or names in a way nobody can read, is in no network; nor is who claims to be.
    for (const from of [undefined, `${atWork}, unknown`, [atWork, farAway], 'localhost'])
      expect((await signIn(client, 'nina', from)).json).toMatchObject({ kind: 'factor' });
    // What matters is asked about there as everywhere.
    const headers = { 'x-forwarded-for': atWork };
    const change = await client.ask('POST', '/api/v1/account/recovery-codes', {
      body: {},
      headers,
    });
    expect(change).toMatchObject({ status: 403, json: { code: 'login.step-up' } });
  });
});

test('a proxy that does not say who comes is complained of, with what to do', async () => {
  await admin.ask('GET', '/api/v1/account', { headers: { 'x-forwarded-for': 'unknown' } });
  const complaints = lines.filter((line) => line.includes('"net.forwarded-missing"'));
  // Once a minute.
  expect(complaints.length).toBeGreaterThanOrEqual(1);
  expect(complaints[0]).toContain('let it set X-Forwarded-For');
  const { json } = await admin.ask('GET', '/api/v1/admin/health');
  const findings = json['items'] as { check: string; state: string }[];
  expect(findings.find(({ check }) => check === 'config.proxies')).toMatchObject({
    state: 'warning',
    message: expect.stringMatching('did not say who its visitor was'),
    remedy: expect.stringMatching('X-Forwarded-For'),
  });
});

test('a map that is damaged or gone is a finding and a warning, and a new one is taken up', async () => {
  await admin.invite('kim', 'owner');
  const unknown = await checks('unknown');
  writeFileSync(mapFile, 'no map');
  expect((await signIn(new ApiClient(hub), 'kim', atHome)).json).toMatchObject({ kind: 'done' });
  expect(await checks('unknown')).toBe(unknown + 1);
  expect(await finding()).toMatchObject({ state: 'warning' });
  rmSync(mapFile);
  expect(await finding()).toMatchObject({
    state: 'warning',
    message: expect.stringMatching('not there'),
  });
  expect(lines.filter((line) => line.includes('"login.travel-map"'))).toHaveLength(2);
  writeFileSync(`${mapFile}.new`, cityFile(cities));
  renameSync(`${mapFile}.new`, mapFile);
  const first = await checks('first');
  expect((await signIn(new ApiClient(hub), 'kim', atHome)).json).toMatchObject({ kind: 'done' });
  expect(await checks('first')).toBe(first + 1);
  expect(await finding()).toMatchObject({ state: 'ok' });
});

const otherActions = {
  block: { result: 'denied', answer: { status: 401, json: { code: 'login.failed' } } },
  notify: { result: 'ok', answer: { status: 200, json: { kind: 'done' } } },
} as const;

test.each(chosenCases<keyof typeof otherActions>(['block', 'notify'], ['block']))(
  'whoever comes from far away where %s follows is told so by the answer, the count and the log',
  async (action) => {
    const { result, answer } = otherActions[action];
    const told: string[] = [];
    const strict = await HubProcess.start({
      settings: { ...settings, HUB_GEOIP_DB: mapFile, HUB_TRAVEL: action },
      onLine: (line) => told.push(line),
    });
    onTestFinished(async () => void (await strict.stop()));
    writeFileSync(mapFile, cityFile(cities));
    const boss = new ApiClient(strict);
    await boss.becomeAdmin();
    const owner = await boss.invite('otto', 'owner');
    expect((await signIn(owner, 'otto', atHome)).json).toMatchObject({ kind: 'done' });
    const stranger = new ApiClient(strict);
    expect(await signIn(stranger, 'otto', farAway)).toMatchObject(answer);
    expect(stranger.cookies.has('__Host-phlix_session')).toBe(action === 'notify');
    expect(await checks('far', told)).toBe(1);
    const { json } = await boss.ask('GET', '/api/v1/admin/audit?event=login.travel');
    expect(json['items']).toMatchObject([{ event: 'login.travel', result }]);
    // Nobody is shut out where he was before.
    if (action !== 'block') return;
    const again = await signIn(new ApiClient(strict), 'otto', atHome);
    expect(again.json).toMatchObject({ kind: 'done' });
  },
);
