import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { MemoryNoticeTargets } from '../../../test/support/memory-notices.ts';
import { createSafeFetch } from '../../outbound/safe-fetch.ts';
import { NoticeError } from '../notice-error.ts';
import { messageOf } from './message.ts';
import { NoticeTargets } from './targets.ts';
import { webhookSignature } from './webhook.ts';

/** What comes out shows whether what went in was for this row. */
const sealing = {
  seal: (text: string, context: string) => Buffer.from(`${context}|${text}`),
  open: (sealed: Buffer, context: string) => {
    const text = sealed.toString();
    if (!text.startsWith(`${context}|`)) throw new Error('sealed for another');
    return text.slice(context.length + 1);
  },
};

interface Received {
  readonly url: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

async function receive(status = 200, location?: string) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { url, headers } = request;
      received.push({ url, headers, body: Buffer.concat(pieces).toString() });
      response.writeHead(status, location === undefined ? {} : { location }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const now = new Date('2026-03-01T12:00:00Z');
const allow = ['127.0.0.1'];
const message = messageOf(
  {
    kind: 'server.online',
    to: { kind: 'owner', ownerId: 'operator' },
    facts: { server: 'Größe', offlineMs: 7 * 60_000 },
  },
  'https://hub.example.org',
  now,
);

let store: MemoryNoticeTargets;
let targets: NoticeTargets;
beforeEach(() => {
  store = new MemoryNoticeTargets();
  targets = new NoticeTargets({
    store,
    sealing,
    post: async ({ to }) => ({
      isSent: to !== 'gone@example.org',
      transcript: ['> EHLO hub'],
      failure:
        to === 'gone@example.org' ? new NoticeError('mail.refused', 'no such mailbox') : undefined,
    }),
    fetch: createSafeFetch(),
    hub: () => 'https://hub.example.org',
    now: () => now,
  });
});

it('is tested ten times an hour at most, wherever the account sends it', async () => {
  const mine = { accountId: 'a', kind: 'mail', address: 'somebody.else@example.org' } as const;
  for (let sent = 0; sent < 10; sent++) {
    const { target } = await targets.add(mine);
    expect(await targets.test(target.id, 'a', 'robin')).toMatchObject({ isSent: true });
    await targets.remove(target.id, 'a');
  }
  const { target } = await targets.add(mine);
  await expect(targets.test(target.id, 'a', 'robin')).rejects.toMatchObject({
    code: 'notice.paced',
  });
  const { target: another } = await targets.add({ ...mine, accountId: 'b' });
  expect(await targets.test(another.id, 'b', 'sam')).toMatchObject({ isSent: true });
});

describe('a webhook', () => {
  it('gets JSON, signed over time and body with the secret that was told once', async () => {
    const { received, url } = await receive();
    const { target, secret = '' } = await targets.add({
      accountId: undefined,
      kind: 'webhook',
      address: `${url}/hook?key=canary`,
      allow,
    });
    expect(secret).toMatch(/^[\w-]{43}$/);
    await targets.send(target, message);
    const [{ headers, body, url: path } = { headers: {}, body: '', url: '' }] = received;
    expect(path).toBe('/hook?key=canary');
    expect(headers['x-phlix-timestamp']).toBe(String(now.getTime() / 1000));
    const mac = createHmac('sha256', secret)
      .update(`${now.getTime() / 1000}.${body}`)
      .digest('hex');
    expect(headers['x-phlix-signature']).toBe(`v1=${mac}`);
    expect(JSON.parse(body)).toMatchObject({
      id: message.id,
      kind: 'server.online',
      at: '2026-03-01T12:00:00.000Z',
      hub: 'https://hub.example.org',
      title: 'Größe is back',
      facts: { server: 'Größe', offlineMs: 420_000 },
    });
  });

  it('is signed as the vector says', () => {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    expect(webhookSignature('key', 1_700_000_000, '{"a":1}')).toBe(
      'v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03',
    );
  });

  it('is not followed to where it redirects', async () => {
    const inside = await receive();
    const { url } = await receive(302, inside.url);
    const { target } = await targets.add({
      accountId: undefined,
      kind: 'webhook',
      address: url,
      allow,
    });
    await expect(targets.send(target, message)).rejects.toMatchObject({
      code: 'outbound.redirect',
    });
    expect(inside.received).toEqual([]);
  });

  it('that says no has failed, and that is noted beside it', async () => {
    const { url } = await receive(403);
    const { target } = await targets.add({
      accountId: undefined,
      kind: 'webhook',
      address: url,
      allow,
    });
    await expect(targets.send(target, message)).rejects.toMatchObject({
      code: 'notice.undelivered',
    });
    expect((await targets.list(undefined))[0]?.failure).toMatchObject({
      at: now,
      reason: expect.stringContaining('403'),
    });
  });

  it.each([
    'https://[2002:7f00:1::]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://127.0.0.1/',
    'https://169.254.169.254/',
  ])('at %s is refused when it is sent to', async (address) => {
    const { target } = await targets.add({ accountId: 'robin', kind: 'webhook', address });
    await expect(targets.send(target, message)).rejects.toMatchObject({ code: 'outbound.refused' });
  });

  it.each([
    'http://example.org/',
    'https://robin:pw@example.org/',
    'ftp://example.org/',
    'example.org',
    'https://example.org/#x',
    '',
  ])('cannot be %j', async (address) => {
    await expect(
      targets.add({ accountId: 'robin', kind: 'webhook', address }),
    ).rejects.toMatchObject({ code: 'notice.target' });
  });

  it('over plain HTTP is refused with the reason, and what an admin can do', async () => {
    const plain = { accountId: 'robin', kind: 'webhook', address: 'http://10.0.0.9/' } as const;
    await expect(targets.add(plain)).rejects.toThrow(/http:\/\/ goes in the clear.*"allow"/);
  });
});

it('ntfy is told at its server, with the topic, a priority and the token', async () => {
  const { received, url } = await receive();
  const { target } = await targets.add({
    accountId: undefined,
    kind: 'ntfy',
    address: `${url}/base/my-topic`,
    secret: 'tk_1',
    allow,
  });
  await targets.send(target, message);
  expect(received[0]).toMatchObject({ url: '/base/', headers: { authorization: 'Bearer tk_1' } });
  expect(JSON.parse(received[0]?.body ?? '')).toEqual({
    topic: 'my-topic',
    title: 'Größe is back',
    message: 'Größe is connected again, after 7 minutes.',
    priority: 3,
  });
});

it('Gotify is told with its token in a header', async () => {
  const { received, url } = await receive();
  const { target } = await targets.add({
    accountId: undefined,
    kind: 'gotify',
    address: `${url}/gotify`,
    secret: 'A1b',
    allow,
  });
  await targets.send(target, message);
  expect(received[0]).toMatchObject({ url: '/gotify/message', headers: { 'x-gotify-key': 'A1b' } });
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    title: 'Größe is back',
    priority: 5,
  });
});

it('what ntfy and Gotify need is asked for', async () => {
  const accountId = 'robin';
  const add = (kind: 'ntfy' | 'gotify', address: string, secret?: string) =>
    targets.add({ accountId, kind, address, secret });
  await expect(add('ntfy', 'https://ntfy.sh/')).rejects.toMatchObject({ code: 'notice.target' });
  await expect(add('gotify', 'https://gotify.example.org')).rejects.toMatchObject({
    code: 'notice.target',
  });
  await expect(add('ntfy', 'https://ntfy.sh/x', 'a\r\nb: c')).rejects.toMatchObject({
    code: 'notice.target',
  });
});

describe('a test', () => {
  it('of a mailbox shows the talk with the server', async () => {
    const { target } = await targets.add({
      accountId: 'robin',
      kind: 'mail',
      address: 'robin@example.org',
    });
    expect(target.label).toBe('r…n@example.org');
    expect(await targets.test(target.id, 'robin', 'Robin')).toEqual({
      isSent: true,
      reason: undefined,
      transcript: ['> EHLO hub'],
    });
  });

  it('that fails says why', async () => {
    const { target } = await targets.add({
      accountId: 'robin',
      kind: 'mail',
      address: 'gone@example.org',
    });
    expect(await targets.test(target.id, 'robin', 'Robin')).toMatchObject({
      isSent: false,
      reason: 'no such mailbox',
    });
    const away = await targets.add({
      accountId: 'robin',
      kind: 'webhook',
      address: 'https://127.0.0.1/x',
    });
    expect(await targets.test(away.target.id, 'robin', 'Robin')).toMatchObject({
      isSent: false,
      reason: expect.stringContaining('closed'),
    });
  });
});

describe('targets', () => {
  it('are found by whom they belong to and by nobody else', async () => {
    const { target } = await targets.add({
      accountId: 'robin',
      kind: 'mail',
      address: 'robin@example.org',
    });
    for (const stranger of ['kim', undefined]) {
      const { id } = target;
      for (const attempt of [
        targets.remove(id, stranger),
        targets.change(id, stranger, {}),
        targets.test(id, stranger, 'Kim'),
      ])
        await expect(attempt).rejects.toMatchObject({ code: 'notice.unknown' });
    }
    await targets.remove(target.id, 'robin');
    expect(await targets.list('robin')).toEqual([]);
  });

  it('are ten at most', async () => {
    const one = { accountId: 'robin', kind: 'mail', address: 'robin@example.org' } as const;
    const add = () => targets.add(one);
    for (let i = 0; i < 10; i++) await add();
    await expect(add()).rejects.toMatchObject({ code: 'notice.quota' });
  });

  it('are kept sealed, each for its own row', async () => {
    const secret = 'canary-secret';
    const first = await targets.add({
      accountId: 'robin',
      kind: 'webhook',
      address: 'https://a.example/canary-path',
      secret,
    });
    const second = await targets.add({
      accountId: 'robin',
      kind: 'webhook',
      address: 'https://b.example/',
    });
    const { sealed, ...shown } = first.target;
    expect(sealed.toString()).toContain(`notice-target:${first.target.id}|`);
    expect(JSON.stringify(shown)).not.toContain('canary');
    await expect(
      targets.send({ ...first.target, sealed: second.target.sealed }, message),
    ).rejects.toThrow('sealed for another');
  });
});
