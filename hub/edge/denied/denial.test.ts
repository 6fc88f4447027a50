import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';

import { describe, expect, test } from 'vitest';

import {
  deadline,
  exchange,
  hubHostname,
  onlineHostname,
  readUntil,
  TestEdge,
} from '../../../test/support/edge.ts';
import { spellings } from '../../../test/support/spellings.ts';
import { defaultSwitches } from '../../tunnels/server.ts';

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly entry: string;
  readonly detail: string;
}

/** An origin that does what it is told, whoever tells it. */
async function obedient() {
  const seen: string[] = [];
  const edge = await TestEdge.start({
    origin: (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(204).end();
    },
  });
  edge.origin.on('upgrade', ({ url }, socket) => {
    seen.push(`upgrade ${url}`);
    socket.destroy();
  });
  return Object.assign(edge, { seen });
}

function http1(target: string, { method = 'POST', more = '', authority = onlineHostname } = {}) {
  const close = more.includes('Upgrade') ? '' : 'Connection: close\r\n';
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  return `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${close}${length}${more}\r\n`;
}

function problemOf(answer: string): Problem {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Problem;
}

const denied = { status: 403, code: 'edge.denied', entry: 'jellyfin.restart' };

describe('a denied request', () => {
  test.each([...spellings('/System/Restart')])(
    '%s never reaches the origin',
    async (_how, path) => {
      await using edge = await obedient();
      expect(problemOf(await edge.raw(http1(path)))).toMatchObject(denied);
      const absolute = http1(`https://${onlineHostname}${path}`);
      expect(problemOf(await edge.raw(absolute))).toMatchObject(denied);
      const session = await edge.http2();
      const { headers, body } = await exchange(session, { ':method': 'POST', ':path': path }, '');
      expect([headers[':status'], JSON.parse(body)]).toEqual([
        403,
        expect.objectContaining(denied),
      ]);
      session.destroy();
      expect(edge.seen).toEqual([]);
    },
  );

  test.each(['HEAD', 'OPTIONS', 'GET', 'DELETE'])('is denied to %s too', async (method) => {
    await using edge = await obedient();
    expect(await edge.raw(http1('/System/Restart', { method }))).toMatch(/^HTTP\/1\.1 403 /);
    const session = await edge.http2();
    const asked = session.request({
      ':authority': onlineHostname,
      ':method': method,
      ':path': '/System/Restart',
    });
    const [head] = (await once(asked, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head[':status']).toBe(403);
    session.destroy();
    expect(edge.seen).toEqual([]);
  });

  test('is denied as an upgrade, over HTTP/1.1 and HTTP/2', async () => {
    await using edge = await obedient();
    const more =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    const path = '/emby/%53ystem//Restart';
    const answer = await edge.raw(http1(path, { method: 'GET', more }));
    expect(problemOf(answer)).toMatchObject(denied);
    const session = await edge.http2();
    const stream = session.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':scheme': 'https',
        ':authority': onlineHostname,
        ':path': path,
        'sec-websocket-version': '13',
      },
      { endStream: false },
    );
    const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head[':status']).toBe(403);
    session.destroy();
    expect(edge.seen).toEqual([]);
  });

  test('gets a page in a browser that says which rule it was and how the owner lifts it', async () => {
    await using edge = await obedient();
    const more = 'Accept: text/html\r\n';
    const page = await edge.raw(http1('/System/Restart', { method: 'GET', more }));
    expect(page).toContain('content-type: text/html');
    expect(page).toContain('requests to restart the media server');
    expect(page).toContain('<code>jellyfin.restart</code>');
    expect(page).toContain(`phlix-hub servers set ${onlineHostname} lift=jellyfin.restart`);
    expect(page).toContain('product=jellyfin');
    edge.switches = { ...defaultSwitches, product: 'emby' };
    const known = await edge.raw(http1('/System/Restart', { method: 'GET', more }));
    expect(known).toContain('lift=emby.restart');
    expect(known).not.toContain('product=');
  });

  test('takes no place among the streams of the tunnel', async () => {
    await using edge = await obedient();
    for (let i = 0; i < 20; i++) await edge.raw(http1('/System/Restart'));
    expect(edge.streams.size).toBe(0);
  });
});

test('a switch that is turned holds for the next request of the same connection', async () => {
  await using edge = await obedient();
  const socket = await edge.connect();
  const ask = async (): Promise<string> => {
    socket.write(http1('/System/Restart').replace('Connection: close\r\n', ''));
    return (await readUntil(socket, /HTTP\/1\.1 \d{3}.*\r\n\r\n/s)).slice(9, 12);
  };
  expect(await ask()).toBe('403');
  edge.switches = { ...defaultSwitches, lifted: ['jellyfin.restart'] };
  expect(await ask()).toBe('204');
  edge.switches = { ...defaultSwitches, product: 'plex' };
  expect(await ask()).toBe('204');
  edge.switches = { ...defaultSwitches, product: 'jellyfin' };
  expect(await ask()).toBe('403');
  expect(edge.seen).toEqual(['POST /System/Restart', 'POST /System/Restart']);
  socket.destroy();
});

test('what a player asks for reaches the origin as it was written', async () => {
  await using edge = await obedient();
  const paths = ['/Artists/AC%2FDC?x=/System/Restart', '/web/index.html?a=%2e%2e', '/x//y;z=1/'];
  for (const path of paths) await edge.raw(http1(path, { method: 'GET' }));
  expect(edge.seen).toEqual(paths.map((path) => `GET ${path}`));
});

test('the list is of media servers: the hub has its own pages', async () => {
  await using edge = await obedient();
  const asked = http1('/setup', { method: 'GET', authority: hubHostname });
  expect(await edge.raw(asked, { servername: hubHostname })).toMatch(/^HTTP\/1\.1 200 /);
});
