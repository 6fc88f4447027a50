import { once } from 'node:events';
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiClient, password } from '../support/api-client.ts';
import { HubProcess } from '../support/deployment.ts';
import { startMailServer, type MailServer } from '../support/mail-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let mail: MailServer;
let hub: HubProcess;
let admin: ApiClient;
let owner: ApiClient;

beforeAll(async () => {
  mail = await startMailServer();
  const caFile = join(temporaryFolder('mail').path, 'ca.pem');
  writeFileSync(caFile, mail.certificate);
  hub = await HubProcess.start({
    settings: {
      HUB_SMTP_HOST: 'localhost',
      HUB_SMTP_PORT: String(mail.port),
      HUB_SMTP_FROM: 'Phlix Hub <hub@example.org>',
      NODE_EXTRA_CA_CERTS: caFile,
    },
  });
  admin = new ApiClient(hub);
  await admin.becomeAdmin();
  owner = await admin.invite('olga', 'owner');
}, 180_000);

afterAll(async () => {
  await hub?.stop();
  await mail?.stop();
});

type Items = Record<string, unknown>[];

const itemsOf = async (client: ApiClient, path: string): Promise<Items> =>
  (await client.ask('GET', path)).json['items'] as Items;

const answer = (status: number, code: string) => ({ status, json: { status, code } });

test.each([
  ['GET', '/api/v1/admin/audit'],
  ['GET', '/api/v1/admin/audit/export.csv'],
  ['GET', '/api/v1/admin/audit/export.jsonl'],
  ['GET', '/api/v1/admin/audit/verification'],
  ['GET', '/api/v1/admin/bans'],
  ['POST', '/api/v1/admin/bans'],
  ['DELETE', '/api/v1/admin/bans/01939f3e-0000-7000-8000-000000000000'],
  ['GET', '/api/v1/admin/notice-targets'],
  ['POST', '/api/v1/admin/notice-targets'],
])('%s %s is for admins alone', async (method, path) => {
  const body = method === 'POST' ? { body: {} } : {};
  expect(await owner.ask(method, path, body)).toMatchObject(answer(403, 'api.denied'));
  expect(await new ApiClient(hub).ask(method, path, body)).toMatchObject(
    answer(401, 'login.required'),
  );
});

const look = async (query: string): Promise<unknown[]> =>
  (await itemsOf(admin, `/api/v1/admin/audit?${query}`)).map(({ event }) => event);

const verify = async () => (await admin.ask('GET', '/api/v1/admin/audit/verification')).json;

describe('the audit log, by the API', () => {
  test('is listed page by page, youngest first, without a gap and without a repeat', async () => {
    const seen: { seq: number; ts: string }[] = [];
    let cursor = '';
    do {
      const { status, json } = await admin.ask('GET', `/api/v1/admin/audit?limit=2${cursor}`);
      expect(status).toBe(200);
      seen.push(...(json['items'] as typeof seen));
      const next = json['next_cursor'] as string | null;
      cursor = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
    } while (cursor !== '');
    expect(seen.length).toBeGreaterThan(4);
    const times = seen.map(({ ts }) => ts);
    expect(times).toEqual(times.toSorted().toReversed());
    const numbers = seen.map(({ seq }) => seq).toSorted((a, b) => a - b);
    expect(numbers).toEqual(Array.from(seen, (_, place) => place + 1));
  });

  test('is filtered by event, actor, result, address and time', async () => {
    expect(await look('event=admin.setup')).toEqual(['admin.setup']);
    expect(new Set(await look('event=admin.'))).toEqual(
      new Set(['admin.setup', 'admin.account-invited', 'admin.account-created']),
    );
    expect(await look('event=admin.&actor=olga')).toEqual(['admin.account-created']);
    expect(await look('event=hub.started&address=192.0.2.7')).toEqual([]);
    expect(await look('event=admin.setup&result=failed')).toEqual([]);
    expect(await look('until=2020-01-01T00:00:00Z')).toEqual([]);
  });

  test.each(['event=nonsense', 'result=maybe', 'address=here', 'from=yesterday', 'limit=0'])(
    'refuses what it does not understand: %s',
    async (query) => {
      expect(await admin.ask('GET', `/api/v1/admin/audit?${query}`)).toMatchObject(
        answer(400, 'api.malformed'),
      );
    },
  );

  test('is taken along as a file, which is itself on record', async () => {
    const csv = await admin.ask('GET', '/api/v1/admin/audit/export.csv?event=admin.setup');
    expect(csv.headers['content-disposition']).toMatch(/^attachment; filename="?audit-.*\.csv/);
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    expect(csv.text.trim().split('\r\n')).toHaveLength(2);
    const lines = await admin.ask('GET', '/api/v1/admin/audit/export.jsonl?event=admin.setup');
    expect(JSON.parse(lines.text.trim())).toMatchObject({ event: 'admin.setup' });
    const exported = '/api/v1/admin/audit?event=admin.audit-exported';
    await expect.poll(async () => (await itemsOf(admin, exported)).length).toBe(2);
    expect(await itemsOf(admin, exported)).toMatchObject([
      { target: 'jsonl', actor: { name: 'robin' } },
      { target: 'csv', actor_ip: '127.0.0.1' },
    ]);
  });

  test('is looked through for changes, and says which line somebody put in', async () => {
    const whole = await verify();
    expect(whole).toMatchObject({ files: 1, trimmed: 0, breaks: [] });
    const folder = join(hub.folder, 'audit');
    const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.jsonl'));
    appendFileSync(join(folder, name), '{"event":"login.ok"}\n');
    const { breaks } = (await verify()) as { breaks: { file: string; line: number }[] };
    expect(breaks[0]).toMatchObject({ file: name, what: expect.stringContaining('no line') });
  });
});

describe('bans, by the API', () => {
  const wish = { network: '203.0.113.0/24', seconds: 3600, reason: 'guesses' };

  test('shut a network out after a proof, are listed, told of once, and lifted', async () => {
    const anew = new ApiClient(hub);
    await anew.ask('POST', '/api/v1/auth/login', { body: { username: 'robin', password } });
    expect(await anew.ask('POST', '/api/v1/admin/bans', { body: wish })).toMatchObject(
      answer(403, 'login.step-up'),
    );
    const place = { kind: 'mail', address: 'admins@example.org' };
    const target = await admin.askProven('POST', '/api/v1/admin/notice-targets', place);
    expect(target.status).toBe(201);
    const made = await admin.askProven('POST', '/api/v1/admin/bans', wish);
    expect(made).toMatchObject({
      status: 201,
      json: { network: '203.0.113.0/24', origin: 'operator', by: 'robin', reason: 'guesses' },
    });
    const onHost = await hub.run('ban', 'add', '198.51.100.7', '--for', '1h');
    expect(onHost.exitCode).toBe(0);
    const told = (await mail.received(2, 20_000)).map(({ mail: { subject, text } }) => [
      subject,
      text,
    ]);
    expect(told).toEqual([
      [expect.stringContaining('Banned: 203.0.113.0/24'), expect.stringContaining('(robin)')],
      [expect.stringContaining('Banned: 198.51.100.7'), expect.stringContaining('on the host')],
    ]);
    expect(await itemsOf(admin, '/api/v1/admin/bans')).toMatchObject([
      { network: '198.51.100.7/32', by: 'host' },
      { network: '203.0.113.0/24' },
    ]);
    const path = `/api/v1/admin/bans/${String(made.json['id'])}`;
    expect((await admin.askProven('DELETE', path)).status).toBe(204);
    expect(await admin.askProven('DELETE', path)).toMatchObject(answer(404, 'api.not-found'));
    expect(await itemsOf(admin, '/api/v1/admin/bans')).toHaveLength(1);
    expect(mail.letters).toHaveLength(2);
  }, 60_000);

  test.each([
    [{ network: '127.0.0.0/8' }, 'ban.loopback'],
    [{ network: '0.0.0.0/0' }, 'ban.own'],
    [{ network: '10.0.0.0/8' }, 'ban.wide'],
    [{ network: 'the neighbour' }, 'net.address-invalid'],
    [{ network: '203.0.113.7', seconds: 1 }, 'api.malformed'],
  ])('refuses %j: %s', async (change, code) => {
    const { json, status } = await admin.askProven('POST', '/api/v1/admin/bans', {
      ...wish,
      ...change,
    });
    expect([json['code'], status >= 400 && status < 500]).toEqual([code, true]);
  });
});

describe('places for notices, by the API', () => {
  test('are made with a proof, changed, tried and removed; their secrets are told once', async () => {
    const place = { kind: 'webhook', address: 'https://hooks.example.org/canary-path' };
    const path = '/api/v1/account/notice-targets';
    expect(await owner.ask('POST', path, { body: place })).toMatchObject(
      answer(403, 'login.step-up'),
    );
    const made = await owner.askProven('POST', path, { ...place, kinds: ['server.offline'] });
    expect(made).toMatchObject({ status: 201, json: { kind: 'webhook', is_enabled: true } });
    const [id, secret] = [String(made.json['id']), String(made.json['secret'])];
    expect(secret.length).toBeGreaterThan(20);
    const changed = await owner.askProven('PATCH', `${path}/${id}`, { is_enabled: false });
    expect(changed.json).toMatchObject({ is_enabled: false, kinds: ['server.offline'] });
    const { text } = await owner.ask('GET', path);
    expect([text.includes(secret), text.includes('canary-path')]).toEqual([false, false]);
    const tested = await owner.ask('POST', `${path}/${id}/test`);
    expect(tested.json).toMatchObject({ is_sent: false, reason: expect.any(String) });
    const others = await admin.askProven('DELETE', `${path}/${id}`);
    expect(others.status).toBe(404);
    expect((await owner.askProven('DELETE', `${path}/${id}`)).status).toBe(204);
    expect(await itemsOf(owner, path)).toEqual([]);
  }, 60_000);

  test.each(['account', 'admin'])('never lead into the hub’s own network: %s', async (area) => {
    const path = `/api/v1/${area}/notice-targets`;
    const body = { kind: 'webhook', address: 'https://127.0.0.1:1/' };
    const made = await admin.askProven('POST', path, body);
    expect(made.status).toBe(201);
    const tested = await admin.ask('POST', `${path}/${String(made.json['id'])}/test`);
    expect(tested.json).toMatchObject({ is_sent: false, reason: expect.any(String) });
  });

  test('lead to a machine at home where an admin opened its network, and nobody else may', async () => {
    const heard: string[] = [];
    const ntfy = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => heard.push(text));
      request.on('end', () => response.end('{}'));
    });
    ntfy.listen(0, '127.0.0.1');
    await once(ntfy, 'listening');
    const { port } = ntfy.address() as AddressInfo;
    const wish = {
      kind: 'ntfy',
      address: `http://127.0.0.1:${port}/films`,
      allow: ['127.0.0.1/32'],
    };
    const path = '/api/v1/admin/notice-targets';
    const made = await admin.askProven('POST', path, wish);
    expect(made).toMatchObject({ status: 201, json: { allow: ['127.0.0.1/32'] } });
    const tested = await admin.ask('POST', `${path}/${String(made.json['id'])}/test`);
    expect(tested.json).toMatchObject({ is_sent: true });
    // ntfy is told in JSON which topic it is for.
    expect(JSON.parse(heard.join(''))).toMatchObject({ topic: 'films' });
    const own = await admin.askProven('POST', '/api/v1/account/notice-targets', wish);
    expect(own.status).toBe(400);
    const all = { ...wish, allow: ['0.0.0.0/0'] };
    expect((await admin.askProven('POST', path, all)).json).toMatchObject({
      code: 'notice.target',
    });
    const page = async (at: string) =>
      (await admin.ask('GET', at, { headers: { accept: 'text/html' } })).text;
    expect(await page('/admin/notices')).toContain('name="allow"');
    expect(await page('/notices')).not.toContain('name="allow"');
    ntfy.close();
  }, 60_000);

  test('a server’s silence is chosen by its owner alone', async () => {
    await owner.askProven('POST', '/api/v1/enrolment-tokens', { label: 'films' });
    const nowhere = '/api/v1/servers/01939f3e-0000-7000-8000-000000000000/alerts';
    expect((await owner.ask('GET', nowhere)).status).toBe(404);
    const body = { offline_minutes: 5 };
    expect((await owner.askProven('PUT', nowhere, body)).status).toBe(404);
  });
});
