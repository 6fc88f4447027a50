import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password, type ApiAnswer } from '../support/api-client.ts';
import { Authenticator, type Twist } from '../support/authenticator.ts';
import { HubProcess } from '../support/deployment.ts';
import { hasParts, partPath } from '../support/parts.ts';

const settings = {
  // A test fails more often within a minute than a person within a day.
  HUB_LIMIT_LOGIN_ADDRESS_FAILURES: '1000',
  HUB_LIMIT_LOGIN_ADDRESS_DAILY: '10000',
  HUB_LIMIT_LOGIN_ACCOUNT_FAILURES: '1000',
  HUB_LIMIT_LOGIN_FACTOR_FAILURES: '1000',
  HUB_LIMIT_LOGIN_QUEUE: '100',
};
const username = 'robin';
const userAgent = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0' };

const codeAt = (secret: string, step: number): string => {
  const args = ['--totp', '--base32', `--now=@${step * 30}`, '-'];
  const { stdout } = spawnSync(partPath('oathtool'), args, { encoding: 'utf8', input: secret });
  return stdout.trim();
};
const currentStep = (): number => Math.floor(Date.now() / 30_000);
const ask = async (client: ApiClient, path: string, body: object = {}, method = 'POST') =>
  client.ask(method, `/api/v1${path}`, { body, headers: userAgent });
const giveName = async (client: ApiClient): Promise<ApiAnswer> =>
  ask(client, '/auth/login', { username, password });
const isSignedIn = async (client: ApiClient): Promise<boolean> =>
  (await client.ask('GET', '/api/v1/account')).status === 200;

describe.skipIf(!hasParts('oathtool'))('what proves who somebody is, at a real hub', () => {
  let hub: HubProcess;
  let robin: ApiClient;
  let key: Authenticator;
  let totpSecret: string;
  let recoveryCodes: readonly string[];

  const lines: string[] = [];
  const metrics = async (): Promise<string> => {
    const line = lines.findLast((each) => each.includes('metrics are served')) ?? '{}';
    const { port } = (JSON.parse(line) as { metrics: { port: number } }).metrics;
    return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  };

  beforeAll(async () => {
    hub = await HubProcess.start({ settings, onLine: (line) => lines.push(line) });
    robin = new ApiClient(hub);
    await robin.becomeAdmin(username);
  }, 120_000);
  afterAll(async () => hub?.stop());

  /** As the hub's own page would answer. */
  const here = (twist: Twist = {}): Twist => ({ rpId: 'hub.localhost', origin: hub.url, ...twist });
  const signInByPasskey = async (client: ApiClient, twist: Twist = {}): Promise<ApiAnswer> => {
    const { json: question } = await ask(client, '/auth/passkey/options');
    return ask(client, '/auth/passkey', { response: key.answer(question, here(twist)) });
  };
  /** Proves a step-up by passkey, and asks again. */
  const proven = async (method: string, path: string, body?: object): Promise<ApiAnswer> => {
    const question = body === undefined ? {} : { body };
    const first = await robin.ask(method, `/api/v1${path}`, question);
    if (first.json['code'] !== 'login.step-up') return first;
    const challenge = `/auth/step-up/${String(first.json['challenge_id'])}/passkey`;
    const { json: asked } = await ask(robin, `${challenge}/options`);
    const { json } = await ask(robin, challenge, { response: key.answer(asked, here()) });
    const { proof } = json;
    const headers = typeof proof === 'string' ? { 'x-phlix-step-up': proof } : {};
    return robin.ask(method, `/api/v1${path}`, { ...question, headers });
  };

  test('a passkey is made for the host of the settings, whatever the request says', async () => {
    const offered = await robin.askProven('POST', '/api/v1/account/passkeys/options', {});
    expect(offered.json).toMatchObject({ rp: { id: 'hub.localhost' } });
    key = new Authenticator();
    const evil = key.register(offered.json, { rpId: 'hub.localhost', origin: 'https://evil.test' });
    const refused = await ask(robin, '/account/passkeys', { name: 'Evil', response: evil });
    expect([refused.status, refused.json['code']]).toEqual([403, 'passkey.refused']);
    const again = await robin.askProven('POST', '/api/v1/account/passkeys/options', {});
    const response = key.register(again.json, here());
    const made = await ask(robin, '/account/passkeys', { name: 'Blue key', response });
    expect([made.status, made.json['name']]).toEqual([201, 'Blue key']);
    const twice = await ask(robin, '/account/passkeys', { name: 'Again', response });
    expect(twice.json['code']).toBe('passkey.refused');
  });

  test('a passkey signs in without a name and without a password; its answer counts once, in one browser', async () => {
    const [client, other] = [new ApiClient(hub), new ApiClient(hub)];
    const { json: question } = await ask(client, '/auth/passkey/options');
    const response = key.answer(question, here());
    await ask(other, '/auth/passkey/options');
    expect((await ask(other, '/auth/passkey', { response })).status).toBe(401);
    expect((await ask(client, '/auth/passkey', { response })).status).toBe(401);
    expect(await signInByPasskey(client)).toMatchObject({ status: 200, json: { kind: 'done' } });
    expect(await isSignedIn(client)).toBe(true);
    for (const lie of [
      { origin: 'https://evil.phlix.media' },
      { isUserVerified: false },
      { counter: 1 },
    ])
      expect((await signInByPasskey(new ApiClient(hub), lie)).status).toBe(401);
  });

  test('the last factor is not removed', async () => {
    const { json } = await robin.ask('GET', '/api/v1/account/factors');
    const [{ id = '' } = {}] = json['passkeys'] as { id?: string }[];
    const refused = await proven('DELETE', `/account/passkeys/${id}`);
    expect([refused.status, refused.json['code']]).toEqual([409, 'mfa.last-factor']);
    expect((await robin.ask('DELETE', `/api/v1/account/passkeys/${id}`)).json['code']).toBe(
      'login.step-up',
    );
  });

  test('an authenticator app is set up with its first code; what is no code is 400', async () => {
    const started = await proven('POST', '/account/totp', {});
    expect(started.json['qr']).toContain('<svg');
    totpSecret = String(started.json['secret']);
    for (const code of ['１２３４５６', '12345', '1234567', '123 456']) {
      const refused = await ask(robin, '/account/totp/confirm', { code });
      expect([refused.status, refused.json['code']]).toEqual([400, 'mfa.malformed']);
    }
    // One step back: the codes of this one and the next are for those who sign in.
    const code = codeAt(totpSecret, currentStep() - 1);
    expect((await ask(robin, '/account/totp/confirm', { code })).status).toBe(200);
    const { json } = await robin.ask('GET', '/api/v1/account/factors');
    expect(json['methods']).toEqual(['passkey', 'totp']);
  });

  test(
    'of twenty browsers that send one code at once, one is let in, and none after a restart',
    { timeout: 120_000 },
    async () => {
      const clients = Array.from({ length: 20 }, () => new ApiClient(hub));
      for (const client of clients) {
        expect((await giveName(client)).json).toMatchObject({ kind: 'factor' });
      }
      const late = new ApiClient(hub);
      await giveName(late);
      const code = codeAt(totpSecret, currentStep());
      const answers = await Promise.all(
        clients.map(async (client) => ask(client, '/auth/mfa/totp', { code })),
      );
      expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(
        1,
      );
      await hub.stop();
      await hub.startAgain();
      expect((await ask(late, '/auth/mfa/totp', { code })).status).toBe(401);
      expect(await isSignedIn(robin)).toBe(true);
    },
  );

  test('a trusted browser is asked for the password alone, until its cookie is stolen', async () => {
    const client = new ApiClient(hub);
    await giveName(client);
    const { json: asked } = await ask(client, '/auth/mfa/passkey/options');
    const response = key.answer(asked, here());
    const trusted = await ask(client, '/auth/mfa/passkey', { response, trust_browser: true });
    expect(trusted.json).toMatchObject({ kind: 'done' });
    const stolen = client.cookies.get('__Host-phlix_tb') ?? '';
    expect(stolen).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
    const again = await giveName(client);
    expect(again.json).toMatchObject({ kind: 'done' });
    expect(client.cookies.get('__Host-phlix_tb')).not.toBe(stolen);
    const thief = new ApiClient(hub);
    thief.cookies.set('__Host-phlix_tb', stolen);
    expect((await giveName(thief)).json).toMatchObject({ kind: 'factor' });
    expect((await giveName(client)).json).toMatchObject({ kind: 'factor' });
    const { json } = await robin.ask('GET', '/api/v1/account/trusted-browsers');
    expect(json['items']).toEqual([]);
  });

  test('a recovery code lets in once, to nothing but a new factor', async () => {
    const made = await proven('POST', '/account/recovery-codes', {});
    recoveryCodes = made.json['codes'] as string[];
    expect(recoveryCodes).toHaveLength(10);
    const client = new ApiClient(hub);
    await giveName(client);
    const code = (recoveryCodes[0] ?? '').toLowerCase().replaceAll('-', '');
    const entered = await ask(client, '/auth/mfa/recovery', { code });
    expect(entered.json).toMatchObject({ kind: 'done', restriction: 'enrol' });
    expect((await client.ask('GET', '/api/v1/servers')).json['code']).toBe('login.restricted');
    const former = client.cookies.get('__Host-phlix_session');
    const { json: offer } = await ask(client, '/account/passkeys/options');
    const response = new Authenticator().register(offer, here());
    expect((await ask(client, '/account/passkeys', { name: 'New', response })).status).toBe(201);
    expect(client.cookies.get('__Host-phlix_session')).not.toBe(former);
    expect((await client.ask('GET', '/api/v1/servers')).status).toBe(200);
    const second = new ApiClient(hub);
    await giveName(second);
    expect((await ask(second, '/auth/mfa/recovery', { code })).status).toBe(401);
  });

  test('a recovery code stands alone for whoever has no password, and for nobody else', async () => {
    const invited = await proven('POST', '/admin/invitations', { role: 'owner' });
    const kim = new ApiClient(hub);
    const [, token] = String(invited.json['link']).split('#');
    await ask(kim, '/invitations/accept', { token, username: 'kim' });
    const { json } = await ask(kim, '/account/recovery-codes');
    const [first = '', second = ''] = json['codes'] as string[];
    const { json: offer } = await ask(kim, '/account/passkeys/options');
    const response = new Authenticator().register(offer, here());
    expect((await ask(kim, '/account/passkeys', { name: 'Lost', response })).status).toBe(201);

    const later = new ApiClient(hub);
    const recover = async (name: string, code = '') =>
      ask(later, '/auth/recovery', { username: name, code });
    for (const refused of [
      await recover('kim', recoveryCodes[1]),
      await recover('nobody', first),
      // Has a password, which comes first; the code is not used up.
      await recover(username, recoveryCodes[1]),
    ])
      expect([refused.status, refused.json['code']]).toEqual([401, 'login.failed']);
    for (const name of ['kim', 'nobody'])
      expect((await recover(name, '123456')).json['code']).toBe('mfa.malformed');
    expect((await recover('kim', first)).json).toMatchObject({
      kind: 'done',
      restriction: 'enrol',
    });
    expect((await later.ask('GET', '/api/v1/servers')).json['code']).toBe('login.restricted');
    expect((await recover('kim', first)).status).toBe(401);
    const racing = Array.from({ length: 5 }, async () => recover('kim', second));
    const welcome = (await Promise.all(racing)).filter(({ status }) => status === 200);
    expect(welcome).toHaveLength(1);
  });

  test('after "I lost my phone" nothing opens but a recovery code', async () => {
    const before = new ApiClient(hub);
    expect((await signInByPasskey(before)).status).toBe(200);
    const locked = await proven('POST', '/account/lockout', {});
    expect(locked.json).toEqual({ recovery_codes_left: 9 });
    for (const client of [robin, before]) expect(await isSignedIn(client)).toBe(false);
    expect((await signInByPasskey(new ApiClient(hub))).status).toBe(401);
    const client = new ApiClient(hub);
    expect((await giveName(client)).json).toMatchObject({ kind: 'factor', methods: ['recovery'] });
    const totp = { code: codeAt(totpSecret, currentStep() + 1) };
    expect((await ask(client, '/auth/mfa/totp', totp)).status).toBe(401);
    const entered = await ask(client, '/auth/mfa/recovery', { code: recoveryCodes[1] });
    expect(entered.json).toMatchObject({ kind: 'done', restriction: 'enrol' });
    key = new Authenticator();
    const { json: offer } = await ask(client, '/account/passkeys/options');
    const response = key.register(offer, here());
    expect((await ask(client, '/account/passkeys', { name: 'Next', response })).status).toBe(201);
    robin = client;
    expect((await giveName(new ApiClient(hub))).json).toMatchObject({
      methods: ['passkey', 'recovery'],
    });
  });

  test('an admin takes everything from somebody, who enrols anew before anything else', async () => {
    const { json: invited } = await proven('POST', '/admin/invitations', { role: 'member' });
    const link = String(invited['link']);
    const jay = new ApiClient(hub);
    const token = link.slice(link.indexOf('#') + 1);
    await ask(jay, '/invitations/accept', { token, username: 'jay', password });
    const started = await jay.askProven('POST', '/api/v1/account/totp', {});
    const code = codeAt(String(started.json['secret']), currentStep());
    expect((await ask(jay, '/account/totp/confirm', { code })).status).toBe(200);
    const { json: self } = await jay.ask('GET', '/api/v1/account');
    const path = `/admin/users/${String(self['id'])}/reset-mfa`;
    const reset = await proven('POST', path, { reason: 'phone in the sea' });
    expect(reset.status).toBe(204);
    expect(await isSignedIn(jay)).toBe(false);
    const entered = await ask(jay, '/auth/login', { username: 'jay', password });
    expect(entered.json).toMatchObject({ kind: 'done', restriction: 'enrol' });
    const { stdout } = await hub.run('audit', 'list', '--json', '--event', 'admin.mfa-reset');
    expect(stdout).toContain('phone in the sea');
  });

  test('each of it moves its count', async () => {
    const line = /phlix_hub_factor_events_total\{event="([\w-]+)"\} [1-9]/g;
    const text = await metrics();
    expect([...text.matchAll(line)].map(([, event]) => event)).toEqual(
      expect.arrayContaining([
        'added',
        'browser-recognised',
        'recovery-used',
        'locked-out',
        'reset',
      ]),
    );
  });

  test('nothing of it stands in the log, and the secret is replaced while the hub runs', async () => {
    const { stdout, exitCode } = await hub.run('keys', 'rotate');
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/secrets of the hub itself: 1/)]);
    expect((await signInByPasskey(new ApiClient(hub))).status).toBe(200);
    const client = new ApiClient(hub);
    await giveName(client);
    const entered = await ask(client, '/auth/mfa/recovery', { code: recoveryCodes[2] });
    expect(entered.json).toMatchObject({ kind: 'done' });
    const secret = readFileSync(join(hub.folder, 'sealing.key'), 'utf8').trim();
    expect(secret.split(',')).toHaveLength(2);
    const said = hub.program.output;
    for (const canary of [totpSecret, ...recoveryCodes, ...secret.split(',')])
      expect(said).not.toContain(canary);
  });
});
