import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password, type ApiAnswer } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import {
  startIdentityProvider,
  visitProvider,
  type IdentityProvider,
} from '../support/identity-provider.ts';
import { startMailServer, type MailServer } from '../support/mail-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let mail: MailServer;
let hub: HubProcess;
let there: IdentityProvider;
let admin: ApiClient;
let settings: Record<string, string>;

beforeAll(async () => {
  mail = await startMailServer({ login: { user: 'hub', password: 'canary mail password' } });
  const caFile = join(temporaryFolder('mail').path, 'ca.pem');
  writeFileSync(caFile, mail.certificate);
  settings = {
    HUB_SMTP_HOST: 'localhost',
    HUB_SMTP_PORT: String(mail.port),
    HUB_SMTP_USER: 'hub',
    HUB_SMTP_PASSWORD: 'canary mail password',
    HUB_SMTP_FROM: 'Phlix Hub <hub@example.org>',
    NODE_EXTRA_CA_CERTS: caFile,
  };
  hub = await HubProcess.start({ settings });
  there = await startIdentityProvider(hub.url);
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
}, 180_000);

afterAll(async () => {
  await hub.stop();
  await there.stop();
  await mail.stop();
});

async function signIn(client: ApiClient, query = ''): Promise<ApiAnswer> {
  const start = await client.ask('GET', `/auth/oidc/home/start${query}`);
  expect(start.status).toBe(303);
  const back = await visitProvider(hub.url, String(start.headers.location));
  return client.ask('GET', back, { headers: { 'sec-fetch-site': 'cross-site' } });
}

const asPerson = { headers: { accept: 'text/html' } };
const fromElsewhere = { headers: { 'sec-fetch-site': 'cross-site' } };

describe('single sign-on at a real provider', () => {
  test('is set up on the host, with the secret from a file, and tried', async () => {
    const file = join(temporaryFolder('secret').path, 'secret');
    writeFileSync(file, `${there.clientSecret}\n`);
    const words = ['--issuer', there.issuer, '--client-id', 'phlix', '--secret-file', file];
    const added = await hub.run(
      'sso',
      'add',
      'home',
      ...words,
      '--allow',
      '127.0.0.1/32',
      '--json',
    );
    expect(added.stderr + added.stdout).not.toContain(there.clientSecret);
    expect(JSON.parse(added.stdout)).toMatchObject({ id: 'home', has_secret: true });
    expect(await hub.run('sso', 'test', 'home')).toMatchObject({ exitCode: 0 });
    const { json, text } = await admin.ask('GET', '/api/v1/admin/sso/providers');
    expect(json['items']).toMatchObject([
      { id: 'home', redirect_uri: `${hub.url}/auth/oidc/home/callback` },
    ]);
    expect(text).not.toContain(there.clientSecret);
  });

  test('a mailbox for notices shows the whole talk of a test, without the password', async () => {
    const body = { kind: 'mail', address: 'robin@example.org' };
    const made = await admin.askProven('POST', '/api/v1/account/notice-targets', body);
    expect(made).toMatchObject({ status: 201, json: { label: 'r…n@example.org' } });
    const id = String(made.json['id']);
    const tested = await admin.ask('POST', `/api/v1/account/notice-targets/${id}/test`);
    expect(tested.json).toMatchObject({ is_sent: true, reason: null });
    expect(tested.text).toContain('STARTTLS');
    expect(tested.text).not.toContain('canary');
    expect((await mail.received(1))[0]).toMatchObject({
      isSecure: true,
      to: ['robin@example.org'],
    });
  });

  test('whom no account knows is told what to do', async () => {
    const answer = await signIn(new ApiClient(hub));
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/sign-in?problem=sso.unlinked');
  });

  test('an account is linked by its holder, who is told by mail', async () => {
    const begun = await admin.askProven('POST', '/api/v1/account/sso-links/home');
    expect(begun.status).toBe(200);
    const back = await visitProvider(hub.url, String(begun.json['location']));
    const answer = await admin.ask('GET', back, { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(answer.headers.location).toBe('/security');
    const [, letter] = await mail.received(2, 20_000);
    expect(letter?.mail.subject).toContain('can be opened with OpenID Connect');
  });

  test('then it opens the account, in a browser of its own, with cookies that no sibling can plant', async () => {
    const browser = new ApiClient(hub);
    const answer = await signIn(browser, '?return=%2Fservers');
    expect(answer.headers.location).toBe('/servers');
    for (const line of answer.setCookies)
      expect(line).toMatch(/^__Host-phlix_\w+=[^;]*; Path=\/; Secure; HttpOnly; SameSite=Lax/);
    const links = await browser.ask('GET', '/api/v1/account/sso-links');
    expect(links.json['items']).toMatchObject([{ provider_id: 'home' }]);
  });

  test.each([
    '//evil.example',
    '/\\evil',
    '/%5cevil',
    'https:evil',
    '/%0d%0ax',
    '//user@evil.example',
  ])('wherever %j would lead, it goes to the start', async (wanted) => {
    const answer = await signIn(new ApiClient(hub), `?return=${encodeURIComponent(wanted)}`);
    expect(answer.headers.location).toBe('/');
  });

  test('a callback in another browser, or a second time, opens nothing', async () => {
    const browser = new ApiClient(hub);
    const start = await browser.ask('GET', '/auth/oidc/home/start');
    const back = await visitProvider(hub.url, String(start.headers.location));
    const expired = '/sign-in?problem=sso.expired';
    expect((await new ApiClient(hub).ask('GET', back)).headers.location).toBe(expired);
    expect((await browser.ask('GET', back)).headers.location).toBe('/');
    expect((await browser.ask('GET', back)).headers.location).toContain('problem=sso.expired');
  });

  test('a forged Host changes nothing of where the provider sends people back', async () => {
    const forged = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    const start = await new ApiClient(hub).ask('GET', '/auth/oidc/home/start', { headers: forged });
    const asked = new URL(String(start.headers.location)).searchParams;
    expect(asked.get('redirect_uri')).toBe(`${hub.url}/auth/oidc/home/callback`);
  });

  test('alone, it refuses passwords; the host opens them for a while', async () => {
    await hub.stop();
    hub = await HubProcess.start({
      folder: hub.folder,
      settings: {
        ...settings,
        HUB_LOCAL_LOGIN: 'off',
        HUB_HTTPS_LISTEN: `127.0.0.1:${hub.ports.https}`,
      },
    });
    const body = { username: 'robin', password };
    const login = async () => new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body });
    const refused = { status: 403, json: { code: 'login.disabled' } };
    expect(await login()).toMatchObject(refused);
    const forgotten = { body: { username: 'robin' } };
    const stranger = new ApiClient(hub);
    const letter = await stranger.ask('POST', '/api/v1/auth/password/forgotten', forgotten);
    expect(letter).toMatchObject(refused);
    const invited = await hub.run('user', 'invite', '--role', 'member', '--json');
    const token = new URL(String(JSON.parse(invited.stdout).link)).hash.slice(1);
    const newcomer = { token, username: 'sam', password: 'a door that is not a door' };
    const join = async (wish: object) =>
      new ApiClient(hub).ask('POST', '/api/v1/invitations/accept', { body: wish });
    expect(await join(newcomer)).toMatchObject(refused);
    const guest = new ApiClient(hub);
    const { password: _, ...bare } = newcomer;
    expect((await guest.ask('POST', '/api/v1/invitations/accept', { body: bare })).status).toBe(
      200,
    );
    const chosen = { body: { new_password: newcomer.password } };
    expect(await guest.ask('PUT', '/api/v1/account/password', chosen)).toMatchObject(refused);
    await linksWhatLetsHimIn(guest);
    expect(await hub.run('auth', 'local-login', '--for', '10m')).toMatchObject({ exitCode: 0 });
    expect((await login()).status).toBe(200);
    await linksNothingWhileHeHasOtherWays();
  }, 90_000);

  test('whose provider is gone is a page with 503, and a password still opens the hub', async () => {
    await there.stop();
    await hub.stop();
    hub = await HubProcess.start({ folder: hub.folder, settings });
    const answer = await new ApiClient(hub).ask('GET', '/auth/oidc/home/start');
    expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('does not answer') });
    const body = { username: 'robin', password };
    expect((await new ApiClient(hub).ask('POST', '/api/v1/auth/login', { body })).status).toBe(200);
  }, 90_000);
});

/** The one thing that helps somebody whom an invitation let in, and whom no password will. */
async function linksWhatLetsHimIn(guest: ApiClient): Promise<void> {
  const page = async () => (await guest.ask('GET', '/enrol', asPerson)).text;
  expect(await page()).toContain('Link OpenID Connect');
  expect(await page()).not.toContain('Make a passkey');
  const link = async () => guest.ask('POST', '/api/v1/account/sso-links/home');
  there.person = { sub: 'robin-there' };
  const taken = await visitProvider(hub.url, String((await link()).json['location']));
  const refused = await guest.ask('GET', taken, fromElsewhere);
  expect(refused.headers.location).toBe('/enrol?problem=sso.conflict');
  const told = await guest.ask('GET', '/enrol?problem=sso.conflict', asPerson);
  expect(told.text).toContain('linked to another account');
  there.person = { sub: 'sam-there' };
  const back = await visitProvider(hub.url, String((await link()).json['location']));
  const linked = await guest.ask('GET', back, fromElsewhere);
  expect(linked.headers.location).toBe('/auth/oidc/home/start');
  expect((await signIn(guest)).headers.location).toBe('/');
  const { json } = await guest.ask('GET', '/api/v1/account/logins');
  expect(json['items']).toMatchObject([{ methods: ['sso'], restriction: null }]);
  const left = await guest.ask('POST', '/api/v1/auth/sso/logout', { body: {} });
  expect(String(left.json['location']).startsWith(`${there.issuer}/session/end?`)).toBe(true);
  expect((await guest.ask('GET', '/api/v1/account')).status).toBe(401);
  const ended = async (): Promise<string> =>
    (await hub.run('audit', 'list', '--event', 'login.ended', '--json')).stdout;
  // Written down within a second.
  await expect.poll(ended, { timeout: 20_000 }).toMatch(/"method":\s?"sso"/);
  there.person = { sub: 'robin-there' };
}

async function linksNothingWhileHeHasOtherWays(): Promise<void> {
  const invited = await hub.run('user', 'invite', '--role', 'member', '--json');
  const token = new URL(String(JSON.parse(invited.stdout).link)).hash.slice(1);
  const guest = new ApiClient(hub);
  await guest.ask('POST', '/api/v1/invitations/accept', { body: { token, username: 'kim' } });
  const refused = await guest.ask('POST', '/api/v1/account/sso-links/home');
  expect(refused).toMatchObject({ status: 403, json: { code: 'login.restricted' } });
}
