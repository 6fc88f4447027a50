import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type IncomingHttpHeaders, request, type RequestOptions } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { Program } from '../support/program.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

/** Of this machine's loopback: a proxy that is trusted, and somebody else. */
const [proxyFrom, stranger] = ['127.0.0.2', '127.0.0.5'];

let origin: RawOrigin;
let hub: HubProcess;
let agent: AgentProcess;

beforeAll(async () => {
  origin = await startRawOrigin({
    '/': (socket, head) => {
      const fields = head.split('\r\n').filter((line) => /^(x-forw|forw|host|x-real)/i.test(line));
      const body = JSON.stringify(fields);
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  hub = await HubProcess.start({
    settings: {
      HUB_TLS: 'proxy',
      HUB_PUBLIC_URL: 'https://hub.localhost',
      HUB_HTTPS_LISTEN: undefined,
      HUB_TRUSTED_PROXIES: proxyFrom,
    },
  });
  const token = await hub.createToken('--label', 'movies');
  agent = new AgentProcess({ hub: { url: agentUrl() }, originPort: origin.port, token });
  await agent.reachable();
});

afterAll(async () => {
  await agent?.stop();
  await hub?.stop();
  await origin?.stop();
});

const agentUrl = () => `https://hub.localhost:${hub.ports.tunnel}`;

interface Answer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly body: string;
}

type Asked = Omit<RequestOptions, 'headers'> & { host: string; headers: Record<string, string> };

async function ask(options: Asked): Promise<Answer> {
  const { host, headers, ...others } = options;
  const asked = request({
    host: '127.0.0.1',
    port: hub.ports.http,
    localAddress: proxyFrom,
    agent: false,
    headers: { ...headers, host },
    ...others,
  });
  asked.end();
  const [response] = await once(asked, 'response');
  return { status: response.statusCode, fields: response.headers, body: await text(response) };
}

const overTls = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };
const tenant = 'movies.phlix.localhost';

describe('behind a proxy that ends TLS', () => {
  test('the origin hears of the visitor and of https, in the words of the hub', async () => {
    const lies = { 'x-forwarded-host': 'evil.example', 'x-real-ip': '6.6.6.6' };
    const { body, fields, status } = await ask({ host: tenant, headers: { ...overTls, ...lies } });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual([
      `host: ${tenant}`,
      'x-forwarded-for: 203.0.113.7',
      'x-forwarded-proto: https',
      `x-forwarded-host: ${tenant}`,
    ]);
    expect(fields['strict-transport-security']).toBe('max-age=31536000');
  });

  test('what came in the clear is passed on as that, and nothing of TLS is promised', async () => {
    const headers = { ...overTls, 'x-forwarded-proto': 'http' };
    const { body, fields } = await ask({ host: tenant, headers });
    expect(JSON.parse(body)).toContain('x-forwarded-proto: http');
    expect(fields['strict-transport-security']).toBeUndefined();
  });

  test('nobody signs in over http, and no cookie is given', async () => {
    for (const proto of ['http', undefined, 'https, http']) {
      const told = proto === undefined ? {} : { 'x-forwarded-proto': proto };
      const headers = { 'x-forwarded-for': '203.0.113.7', ...told };
      for (const path of ['/', '/login', '/setup', '/api/v1/session']) {
        const { status, fields, body } = await ask({ host: 'hub.localhost', headers, path });
        expect([path, status, fields['set-cookie']]).toEqual([path, 403, undefined]);
        expect(JSON.parse(body)).toMatchObject({ code: 'edge.insecure' });
      }
    }
    const secure = await ask({ host: 'hub.localhost', headers: overTls });
    expect(secure.status).toBeLessThan(400);
  });

  test('speaks HTTP/2 without TLS to proxies that do', async () => {
    const socket = connect({ port: hub.ports.http, host: '127.0.0.1', localAddress: proxyFrom });
    const session = connectHttp2(`http://127.0.0.1`, { createConnection: () => socket });
    const stream = session.request({ ':authority': tenant, ...overTls });
    const [head] = await once(stream, 'response');
    expect(head[':status']).toBe(200);
    expect(JSON.parse(await text(stream))).toContain('x-forwarded-for: 203.0.113.7');
    session.close();
    await once(session, 'close');
  });

  test('a session that visitors share is not ended by what only many of them do', async () => {
    const socket = connect({ port: hub.ports.http, host: '127.0.0.1', localAddress: proxyFrom });
    const session = connectHttp2(`http://127.0.0.1`, { createConnection: () => socket });
    const [told] = await once(session, 'remoteSettings');
    // Nine frames of 16 KiB are all that a head may have.
    expect(told).toMatchObject({ maxHeaderListSize: 131_072, maxConcurrentStreams: 1000 });
    const ask = (visitor: number) =>
      session.request({
        ...overTls,
        ':authority': tenant,
        'x-forwarded-for': `203.0.113.${visitor}`,
      });
    // Of one visitor, 100 of them would be too many.
    for (let visitor = 0; visitor < 250; visitor += 1) {
      const left = ask(visitor).on('error', () => undefined);
      left.close(constants.NGHTTP2_CANCEL);
      await once(left, 'close');
    }
    const [head] = await once(ask(7), 'response');
    expect(head[':status']).toBe(200);
    session.destroy();
  });

  test('cuts whoever is not that proxy', async () => {
    await expect(ask({ host: tenant, localAddress: stranger, headers: overTls })).rejects.toThrow(
      /socket hang up|ECONNRESET/,
    );
    await hub.program.waitForLine(/plain HTTP from a stranger cut/);
  });

  test('tells an agent that dials through it what has to be let through', async () => {
    const socket = connect({ port: hub.ports.http, host: '127.0.0.1', localAddress: proxyFrom });
    socket.write(
      [
        'GET /tunnel HTTP/1.1',
        'Host: hub.localhost',
        'X-Forwarded-Proto: https',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
        '\r\n',
      ].join('\r\n'),
    );
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 426 /);
    expect(answer).toContain('"code":"tunnel.unbound"');
    const enrolment = { host: 'hub.localhost', headers: overTls, path: '/api/v1/enrol' };
    expect(JSON.parse((await ask(enrolment)).body)).toMatchObject({ code: 'tunnel.unbound' });
  });

  test('tells agents the one door whose TLS the hub ends', async () => {
    const { stdout } = await hub.run('enrol-token', 'create');
    expect(stdout).toContain(`PHLIX_HUB_URL=${agentUrl()}\n`);
    const told = await ask({ host: 'hub.localhost', headers: overTls, path: '/api/v1/tunnel' });
    const { port } = new URL(agentUrl());
    expect(JSON.parse(told.body)).toEqual({ tunnel_urls: [`wss://hub.localhost:${port}/tunnel`] });
  });
});

describe('HUB_TLS=proxy refuses to start', () => {
  test.each([
    ['where anybody could speak to it', { HUB_HTTP_LISTEN: ':0' }, 'HUB_TRUSTED_PROXIES'],
    ['without a door', { HUB_HTTP_LISTEN: 'off', HUB_TRUSTED_PROXIES: '::1' }, 'HUB_HTTP_LISTEN'],
  ])('%s', async (_, settings, named) => {
    const script = new URL('../../hub/main.ts', import.meta.url).pathname;
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', HUB_TLS: 'proxy', ...settings };
    const program = new Program({ command: [process.execPath, script], env });
    expect(await program.end()).toBe(78);
    expect(program.output).toContain(named);
  });
});
