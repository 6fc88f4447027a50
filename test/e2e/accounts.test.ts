import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password, type ApiAnswer } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';

const wrong = 'green glass of a slow river';
const refused = { status: 401, json: { code: 'login.failed' } };
const locked = { status: 429, json: { code: 'login.locked' } };
const cookieShape =
  /^__Host-phlix_(?:session|dc|login)=[\w-]*; Path=\/; Secure; HttpOnly; SameSite=Lax/;

/** A proxy of ours says who comes, so that each test has addresses of its own. */
const settings = { HUB_TRUSTED_PROXIES: '127.0.0.1' };

let hub: HubProcess;
let admin: ApiClient;
let setupToken: string;
const lines: string[] = [];

beforeAll(async () => {
  hub = await HubProcess.start({ settings, onLine: (line) => lines.push(line) });
  setupToken = readFileSync(join(hub.folder, 'setup-token'), 'utf8').trim();
}, 120_000);

afterAll(async () => {
  await hub.stop();
});

/** From an address of its own, as the proxy in front would say. */
function guestAt(address: string): { client: ApiClient; from: Record<string, string> } {
  return { client: new ApiClient(hub), from: { 'x-forwarded-for': address } };
}

async function signIn(
  client: ApiClient,
  username: string,
  options: { password?: string; from?: Record<string, string> } = {},
): Promise<ApiAnswer> {
  const body = { username, password: options.password ?? password };
  return client.ask('POST', '/api/v1/auth/login', { body, headers: options.from ?? {} });
}

async function metric(name: string): Promise<number> {
  const { port } = metricsAddress();
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Without the one field that names this very answer. */
function bare({ json }: ApiAnswer): object {
  return { ...json, instance: undefined };
}

function metricsAddress(): { port: number } {
  const line = lines.findLast((each) => each.includes('metrics are served')) ?? '{}';
  return (JSON.parse(line) as { metrics: { port: number } }).metrics;
}

describe('a fresh hub', () => {
  test('shows its token in the log and in a file of its own, and nowhere else', async () => {
    const file = join(hub.folder, 'setup-token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const line = lines.find((each) => each.includes('nobody is admin of this hub')) ?? '{}';
    const { address } = JSON.parse(line) as { address: string };
    expect(address).toBe(`${hub.url}/setup#${setupToken}`);
    const client = new ApiClient(hub);
    for (const path of ['/', '/setup', '/sign-in', '/api/v1/openapi.json']) {
      expect((await client.ask('GET', path)).text).not.toContain(setupToken);
    }
  });

  test('is nobody’s without the token', async () => {
    const body = { token: 'A'.repeat(43), username: 'mallory', password };
    const asked = await new ApiClient(hub).ask('POST', '/api/v1/setup', { body });
    expect(asked).toMatchObject({ status: 403, json: { code: 'setup.token' } });
  });

  test('becomes one person’s, whoever else brings the token at the same moment', async () => {
    const clients = ['robin', 'mallory', 'eve'].map((username) => {
      const client = new ApiClient(hub);
      const body = { token: setupToken, username, password };
      return client.ask('POST', '/api/v1/setup', { body }).then((said) => ({ client, said }));
    });
    const all = await Promise.all(clients);
    const won = all.filter(({ said }) => said.status === 200);
    expect(won).toHaveLength(1);
    const [winner] = won;
    admin = winner?.client ?? new ApiClient(hub);
    const lost = all.filter(({ said }) => said.status !== 200);
    expect(lost.map(({ said }) => said.json['code'])).toEqual(['setup.done', 'setup.done']);
    for (const line of winner?.said.setCookies ?? []) expect(line).toMatch(cookieShape);
    const me = await admin.ask('GET', '/api/v1/account');
    expect(me.json).toMatchObject({ role: 'admin', state: 'active' });
    expect(existsSync(join(hub.folder, 'setup-token'))).toBe(false);
  });
});

describe('a sign-in', () => {
  test('sets a login that another id never becomes, and ends on the hub', async () => {
    const planted = randomBytes(32).toString('base64url');
    await admin.invite('olga', 'owner');
    const client = new ApiClient(hub);
    client.cookies.set('__Host-phlix_session', planted);
    const done = await signIn(client, 'OLGA');
    expect(done).toMatchObject({ status: 200, json: { kind: 'done', restriction: null } });
    const secret = client.cookies.get('__Host-phlix_session') ?? '';
    expect(secret).not.toBe(planted);
    expect((await client.ask('GET', '/api/v1/account')).status).toBe(200);
    const { json } = await client.ask('GET', '/api/v1/account/logins');
    const [{ id } = {}] = json['items'] as { id?: string }[];
    await client.ask('POST', '/api/v1/auth/logout');
    const ended = async () =>
      (await admin.ask('GET', '/api/v1/admin/audit?event=login.ended&actor=olga')).json['items'];
    await expect.poll(ended, { timeout: 20_000 }).toMatchObject([{ target: id }]);
    client.cookies.set('__Host-phlix_session', secret);
    const late = await client.ask('GET', '/api/v1/account');
    expect(late).toMatchObject({ status: 401, json: { code: 'login.required' } });
  });

  test('survives a restart of the hub, and so does what was counted', async () => {
    await admin.invite('nina', 'owner');
    const client = new ApiClient(hub);
    await signIn(client, 'nina');
    const { client: guesser, from } = guestAt('203.0.113.77');
    for (let i = 0; i < 10; i++) {
      expect(await signIn(guesser, `nobody${i}`, { password: wrong, from })).toMatchObject(refused);
    }
    await hub.stop();
    await hub.startAgain();
    expect((await client.ask('GET', '/api/v1/account')).json).toMatchObject({ username: 'nina' });
    expect(await signIn(guesser, 'nina', { from })).toMatchObject(locked);
  }, 60_000);

  test('fails alike for an unknown name and a wrong password', async () => {
    const { client, from } = guestAt('203.0.113.1');
    const known = await signIn(client, 'olga', { password: wrong, from });
    const unknown = await signIn(client, 'nobody', { password: wrong, from });
    expect(known).toMatchObject(refused);
    expect(bare(unknown)).toEqual(bare(known));
  });

  test('of a megabyte, of half a character or of nothing is refused without work', async () => {
    const { client, from } = guestAt('203.0.113.2');
    const huge = await signIn(client, 'olga', { password: 'x'.repeat(1_000_000), from });
    expect(huge.status).toBe(413);
    for (const odd of ['', '\ud800', 'x'.repeat(1025)]) {
      expect([400, 401]).toContain((await signIn(client, 'olga', { password: odd, from })).status);
    }
    const nul = await signIn(client, 'ol\0ga', { from });
    expect(nul).toMatchObject(refused);
  });

  test('waits after ten failures of its address, by whatever it was tried, with Retry-After', async () => {
    const before = await metric('phlix_hub_logins_total');
    const { client, from } = guestAt('203.0.113.3');
    for (let i = 0; i < 10; i++) {
      const tried = await signIn(client, `someone${i}`, { password: wrong, from });
      expect(tried).toMatchObject(refused);
    }
    const late = await signIn(client, 'olga', { from });
    expect(late).toMatchObject(locked);
    const seconds = Number(late.headers['retry-after']);
    expect(seconds).toBeGreaterThan(890);
    expect(seconds).toBeLessThanOrEqual(900);
    const mapped = { 'x-forwarded-for': '::ffff:203.0.113.3' };
    expect(await signIn(new ApiClient(hub), 'olga', { from: mapped })).toMatchObject(locked);
    const spoofed = { 'x-forwarded-for': '198.51.100.200, 203.0.113.3' };
    expect(await signIn(new ApiClient(hub), 'olga', { from: spoofed })).toMatchObject(locked);
    expect(await metric('phlix_hub_logins_total')).toBeGreaterThanOrEqual(before + 11);
    expect(await metric('phlix_hub_login_blocks_total')).toBeGreaterThan(0);
    const blocks = await admin.ask('GET', '/api/v1/admin/login-blocks');
    expect(blocks.text).toContain('203.0.113.3');
  });

  test('of somebody whom strangers attack goes on in a browser that he has used before', async () => {
    await admin.invite('vera', 'owner');
    const { client: vera, from } = guestAt('203.0.113.4');
    await signIn(vera, 'vera', { from });
    for (let i = 10; i < 15; i++) {
      const { client, from: elsewhere } = guestAt(`203.0.113.${i}`);
      const tried = await signIn(client, 'vera', { password: wrong, from: elsewhere });
      expect(tried).toMatchObject(refused);
    }
    const { client: stranger, from: there } = guestAt('203.0.113.20');
    const slow = await signIn(stranger, 'vera', { from: there });
    expect(slow).toMatchObject(locked);
    expect(Number(slow.headers['retry-after'])).toBeLessThanOrEqual(30);
    expect(await signIn(vera, 'vera', { from })).toMatchObject({ status: 200 });
  });

  test('in hundreds at once keeps the hub answering', async () => {
    const begun = performance.now();
    const flood = Array.from({ length: 100 }, (_, i) => {
      const { client, from } = guestAt(`198.18.${i}.1`);
      return signIn(client, `flood${i}`, { password: wrong, from });
    });
    const page = await new ApiClient(hub).ask('GET', '/sign-in');
    const pageMs = performance.now() - begun;
    expect(page.status).toBe(200);
    const statuses = (await Promise.all(flood)).map(({ status }) => status);
    expect(new Set(statuses.filter((status) => ![401, 503].includes(status)))).toEqual(new Set());
    const late = statuses.filter((status) => status === 503).length;
    const allMs = Math.round(performance.now() - begun);
    process.stdout.write(
      `100 sign-ins at once: a page after ${Math.round(pageMs)} ms, all after ${allMs} ms, ${late} told to come again\n`,
    );
  }, 60_000);
});

describe('a login', () => {
  test('is listed with its network, and ended by its owner within a second', async () => {
    await admin.invite('lena', 'owner');
    const { client: here, from } = guestAt('203.0.113.40');
    const { client: there, from: elsewhere } = guestAt('198.51.100.41');
    await signIn(here, 'lena', { from });
    await signIn(there, 'lena', { from: elsewhere });
    const { json } = await here.ask('GET', '/api/v1/account/logins', { headers: from });
    const items = json['items'] as { id: string; network: string; is_current: boolean }[];
    const other = items.find(({ network }) => network === '198.51.100.0/24');
    expect(items.filter(({ is_current }) => is_current)).toHaveLength(1);
    const ended = await here.ask('DELETE', `/api/v1/account/logins/${other?.id}`, {
      headers: from,
    });
    expect(ended.status).toBe(204);
    const late = await there.ask('GET', '/api/v1/account', { headers: elsewhere });
    expect(late.status).toBe(401);
    expect((await here.ask('GET', '/api/v1/account', { headers: from })).status).toBe(200);
    expect(await metric('phlix_hub_logins_ended_total')).toBeGreaterThan(0);
  });

  test('whose owner allows some networks only is nothing elsewhere', async () => {
    await admin.invite('ines', 'owner');
    const { client, from } = guestAt('203.0.113.50');
    await signIn(client, 'ines', { from });
    const save = async (networks: string[], confirm?: string) => {
      const body = { networks, ...(confirm !== undefined && { confirm }) };
      const first = await client.ask('PUT', '/api/v1/account/networks', { body, headers: from });
      if (first.json['code'] !== 'login.step-up') return first;
      const path = `/api/v1/auth/step-up/${String(first.json['challenge_id'])}/password`;
      await client.ask('POST', path, { body: { password }, headers: from });
      return client.ask('PUT', '/api/v1/account/networks', { body, headers: from });
    };
    expect((await save(['10.0.0.0/8'])).json).toMatchObject({ code: 'account.unconfirmed' });
    expect((await save(['010.0.0.1'])).json).toMatchObject({ code: 'account.network' });
    expect((await save(['203.0.113.0/24'])).json).toMatchObject({ networks: ['203.0.113.0/24'] });
    expect((await client.ask('GET', '/api/v1/account', { headers: from })).status).toBe(200);
    const elsewhere = { 'x-forwarded-for': '198.51.100.50' };
    expect((await client.ask('GET', '/api/v1/account', { headers: elsewhere })).status).toBe(401);
    const { client: fresh } = guestAt('198.51.100.50');
    expect(await signIn(fresh, 'ines', { from: elsewhere })).toMatchObject(refused);
    expect(await metric('phlix_hub_login_networks_refused_total')).toBeGreaterThan(0);
  });

  test('is lifted by a proof, which no other login can use', async () => {
    await admin.invite('sara', 'owner');
    const { client, from } = guestAt('203.0.113.60');
    await signIn(client, 'sara', { from });
    const ask = async (question: { headers?: Record<string, string> } = {}) =>
      client.ask('DELETE', '/api/v1/account', { headers: { ...from, ...question.headers } });
    const first = await ask();
    expect(first).toMatchObject({
      status: 403,
      json: { code: 'login.step-up', methods: ['password'] },
    });
    const path = `/api/v1/auth/step-up/${String(first.json['challenge_id'])}/password`;
    const { client: thief, from: elsewhere } = guestAt('203.0.113.61');
    await signIn(thief, 'sara', { from: elsewhere });
    const stolen = await thief.ask('POST', path, { body: { password }, headers: elsewhere });
    expect(stolen).toMatchObject({ status: 401, json: { code: 'login.expired' } });
    const { json } = await client.ask('POST', path, { body: { password }, headers: from });
    const proof = { 'x-phlix-step-up': String(json['proof']) };
    const other = await client.ask('PUT', '/api/v1/account/email', {
      body: { email: null },
      headers: { ...from, ...proof },
    });
    expect(other.json).toMatchObject({ code: 'login.step-up' });
    const thiefs = await thief.ask('DELETE', '/api/v1/account', {
      headers: { ...elsewhere, ...proof },
    });
    expect(thiefs.json).toMatchObject({ code: 'login.step-up' });
    expect((await ask({ headers: proof })).status).toBe(204);
    expect(await signIn(new ApiClient(hub), 'sara', { from })).toMatchObject(refused);
    expect(await metric('phlix_hub_step_ups_total')).toBeGreaterThan(2);
  });
});

describe('an admin', () => {
  test('suspends, resumes and deletes people, and is never the last to go', async () => {
    const guest = await admin.invite('gina', 'owner');
    const { json } = await guest.ask('GET', '/api/v1/account');
    const path = `/api/v1/admin/users/${String(json['id'])}`;
    const suspended = await admin.askProven('POST', `${path}/suspend`, { reason: 'away' });
    expect(suspended.json).toMatchObject({ state: 'suspended' });
    expect((await guest.ask('GET', '/api/v1/account')).status).toBe(401);
    expect(await signIn(guest, 'gina')).toMatchObject(refused);
    await admin.askProven('POST', `${path}/resume`);
    expect(await signIn(guest, 'gina')).toMatchObject({ status: 200 });
    expect((await admin.askProven('DELETE', path)).status).toBe(204);
    for (const gone of [path, `${path}/export`])
      expect((await admin.ask('GET', gone)).json).toMatchObject({ code: 'account.unknown' });
    const me = await admin.ask('GET', '/api/v1/account');
    const own = `/api/v1/admin/users/${String(me.json['id'])}`;
    for (const asked of [
      await admin.askProven('DELETE', own),
      await admin.askProven('POST', `${own}/suspend`, {}),
      await admin.askProven('PUT', `${own}/role`, { role: 'owner' }),
      // He has no recovery codes.
      await admin.askProven('POST', '/api/v1/account/lockout'),
    ]) {
      expect(asked).toMatchObject({ status: 409, json: { code: 'account.last-admin' } });
    }
  });

  test('is the only one who sees who there is', async () => {
    const guest = await admin.invite('tina', 'member');
    const asked = await guest.ask('GET', '/api/v1/admin/users');
    expect([403, 404]).toContain(asked.status);
    const { json } = await admin.ask('GET', '/api/v1/admin/users?limit=2');
    expect(json['items']).toHaveLength(2);
    expect(json['next_cursor']).toEqual(expect.any(String));
  });
});

test('nothing that somebody typed for a password, and no secret of a login, is in any log', () => {
  const secrets = [password, wrong, ...admin.cookies.values()];
  const text = lines.join('\n');
  for (const secret of secrets) expect(text).not.toContain(secret);
});
