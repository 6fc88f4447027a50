import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  hubHostname,
  onlineHostname,
  readToClose,
  readUntil,
  TestEdge,
  type Seen,
} from '../../test/support/edge.ts';

const host = `Host: ${onlineHostname}\r\n`;
const get = (path = '/', more = '') =>
  `GET ${path} HTTP/1.1\r\n${host}${more}Connection: close\r\n\r\n`;

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

const seen = (answer: string) => JSON.parse(bodyOf(answer)) as Seen;

/** The status and the code of a refusal. */
function refusalOf(answer: string): string {
  const { code } = JSON.parse(bodyOf(answer)) as { code: string };
  return `${answer.slice(9, 12)} ${code}`;
}

/** What a visitor gets of an answer that the origin writes. */
async function answers(origin: RequestListener, request = get()): Promise<string> {
  await using edge = await TestEdge.start({ origin });
  return await edge.raw(request);
}

describe('a request over HTTP/1.1', () => {
  it('reaches the origin with one clean set of fields', async () => {
    await using edge = await TestEdge.start();
    const answer = await edge.raw(
      get('/Items?x=1', 'X-Forwarded-For: 6.6.6.6\r\nX_Real_IP: 6\r\nAccept: */*\r\n'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(seen(answer)).toMatchObject({ method: 'GET', url: '/Items?x=1', body: '' });
    expect(seen(answer).rawHeaders).toEqual([
      'host',
      onlineHostname,
      'accept',
      '*/*',
      'x-forwarded-for',
      '127.0.0.1',
      'x-forwarded-proto',
      'https',
      'x-forwarded-host',
      onlineHostname,
      'x-request-id',
      expect.stringMatching(/^[0-9a-f-]{36}$/),
    ]);
  });

  it('that asks for trailers has the origin asked for them, and for nothing else of TE', async () => {
    await using edge = await TestEdge.start();
    const request = get('/', 'TE: gzip, trailers\r\n').replace('close', 'close, TE');
    const { rawHeaders } = seen(await edge.raw(request));
    expect(rawHeaders.slice(-4)).toEqual(['te', 'trailers', 'connection', 'TE']);
    expect(rawHeaders.slice(0, -4).join()).not.toMatch(/\bte\b|connection|gzip/i);
  });

  it('carries the client that a trusted proxy saw', async () => {
    await using edge = await TestEdge.start({ trustedProxies: ['127.0.0.1'] });
    const answer = await edge.raw(get('/', 'X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n'));
    expect(seen(answer).rawHeaders.slice(2, 4)).toEqual(['x-forwarded-for', '198.51.100.7']);
    expect(seen(await edge.raw(get())).rawHeaders).toContain('192.0.0.8');
  });

  it.each([
    ['of a known length', 'Content-Length: 5\r\n', 'hello', 'content-length'],
    [
      'in chunks',
      'Transfer-Encoding: chunked\r\n',
      '3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: gone\r\n\r\n',
      'transfer-encoding',
    ],
  ])('carries a body %s', async (_what, framing, body, field) => {
    await using edge = await TestEdge.start();
    const request = seen(
      await edge.raw(`POST /x HTTP/1.1\r\n${host}${framing}Connection: close\r\n\r\n${body}`),
    );
    expect(request).toMatchObject({ method: 'POST', body: 'hello' });
    expect(request.rawHeaders).toContain(field);
    expect(request.rawHeaders.join()).not.toMatch(/trailer/i);
  });

  it('loses the body of a GET, and the connection goes on behind it', async () => {
    await using edge = await TestEdge.start();
    const answer = await edge.raw(
      `GET /one HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello${get('/two')}`,
    );
    expect(answer.match(/"url":"[^"]*"/g)).toEqual(['"url":"/one"', '"url":"/two"']);
    expect(answer).not.toContain('hello');
  });

  it('that expects 100 gets it before the body is sent', async () => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect();
    socket.write(
      `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`,
    );
    expect(await readUntil(socket, /\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('hello');
    expect(seen(await readToClose(socket))).toMatchObject({ body: 'hello' });
  });

  it('for the hub itself goes to its pages, not to a tunnel', async () => {
    await using edge = await TestEdge.start({
      hub: { onRequest: (request, response) => response.end(`the hub: ${request.url}`) },
    });
    const request = get('/login').replace(onlineHostname, hubHostname);
    expect(await edge.raw(request, { servername: hubHostname })).toContain('the hub: /login');
    expect(await edge.raw(request.replace('GET', 'BAD('), { servername: hubHostname })).toMatch(
      /^HTTP\/1\.1 400/,
    );
  });
});

describe('an answer over HTTP/1.1', () => {
  it('keeps status, order and repetitions, and has one Date', async () => {
    const answer = await answers((_request, response) => {
      response.writeHead(206, [
        'Date',
        'Thu, 01 Jan 1970 00:00:00 GMT',
        'Set-Cookie',
        'a=1',
        'Content-Range',
        'bytes 0-1/9',
        'Set-Cookie',
        'b=2',
        'Content-Length',
        '2',
      ]);
      response.end('ab');
    });
    expect(answer).toBe(
      'HTTP/1.1 206 Partial Content\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nset-cookie: a=1\r\ncontent-range: bytes 0-1/9\r\nset-cookie: b=2\r\ncontent-length: 2\r\nConnection: close\r\n\r\nab',
    );
  });

  it('carries early hints ahead of it', async () => {
    const answer = await answers((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('done');
    });
    expect(answer).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*done$/i,
    );
  });

  it('carries announced trailers', async () => {
    const answer = await answers((_request, response) => {
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('abc');
      response.addTrailers({ 'X-Sum': '6' });
      response.end();
    });
    expect(answer).toMatch(/transfer-encoding: chunked\r\n[^]*3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n$/i);
  });

  it('to HEAD has the length and no body', async () => {
    const answer = await answers(
      (_request, response) => {
        response.setHeader('content-length', '1234');
        response.end();
      },
      get().replace('GET', 'HEAD'),
    );
    expect(answer).toMatch(/content-length: 1234\r\n[^]*\r\n\r\n$/i);
    expect(answer).not.toMatch(/transfer-encoding/i);
  });

  it('with 304 or 204 has no body and no framing', async () => {
    for (const status of [204, 304]) {
      const answer = await answers((_request, response) =>
        response.writeHead(status, { etag: '"x"' }).end(),
      );
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n$`));
      expect(answer).not.toMatch(/transfer-encoding|content-length/i);
    }
  });

  it('to HTTP/1.0 ends with the connection instead of chunks', async () => {
    const answer = await answers((_request, response) => {
      response.write('ab');
      response.end('cd');
    }, `GET / HTTP/1.0\r\n${host}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200[^]*\r\n\r\nabcd$/);
    expect(answer).not.toMatch(/transfer-encoding/i);
  });

  it('shows its head before there is any body', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => response.flushHeaders(),
    });
    const socket = await edge.connect();
    socket.write(get());
    expect(await readUntil(socket, /\r\n\r\n$/)).toMatch(/^HTTP\/1\.1 200/);
  });

  it('that the origin cuts short never looks whole', async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    await using edge = await TestEdge.start({
      origin: (_request, response) => asked.resolve(response),
    });
    const socket = await edge.connect();
    socket.write(get());
    const response = await asked.promise;
    response.write('half');
    await readUntil(socket, /half/);
    response.destroy();
    expect(await readToClose(socket)).toBe('');
  });
});

describe('a visitor that leaves', () => {
  it('while the answer runs ends the exchange at the origin', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => void response.write('start'),
    });
    const socket = await edge.connect();
    socket.write(get());
    await readUntil(socket, /start/);
    expect(edge.admission.counted.busyTunnels).toBe(1);
    socket.destroy();
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
    expect(edge.admission.counted.busyTunnels).toBe(0);
  });

  it('in the middle of an upload does too', async () => {
    await using edge = await TestEdge.start();
    const socket = await edge.connect();
    const asked = once(edge.origin, 'request', deadline());
    socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: 100\r\n\r\nhalf`);
    await asked;
    socket.destroy();
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('with requests in the pipe leaves none of them counted', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => void response.write('start'),
    });
    const socket = await edge.connect();
    socket.write(
      get('/1').replace('Connection: close\r\n', '') +
        get('/2').replace('Connection: close\r\n', ''),
    );
    await readUntil(socket, /start/);
    await expect.poll(() => edge.streams.size).toBe(2);
    socket.destroy();
    await expect.poll(() => edge.resets).toEqual(['cancelled', 'cancelled']);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });
});

describe('a request that goes nowhere', () => {
  it.each([
    ['an unknown server', 'nobody.phlix.example', '404 tunnel.unknown'],
    ['a server that is offline', 'asleep.phlix.example', '503 tunnel.offline'],
    ['a name this connection has no certificate for', hubHostname, '421 edge.misdirected'],
    ['an address', '127.0.0.1', '421 edge.misdirected'],
  ])('for %s is told so', async (_what, hostname, refusal) => {
    await using edge = await TestEdge.start();
    expect(refusalOf(await edge.raw(get().replace(onlineHostname, hostname)))).toBe(refusal);
  });

  it.each([
    ['the tunnel is full', { streamsPerTunnel: 1 }],
    ['its address has its share', { streamsPerVisitor: 1 }],
  ])('because %s may come back', async (_why, limits) => {
    await using edge = await TestEdge.start({
      limits,
      origin: (_request, response) => void response.write('start'),
    });
    const socket = await edge.connect();
    socket.write(get());
    await readUntil(socket, /start/);
    const answer = await edge.raw(get());
    expect(refusalOf(answer)).toBe('503 edge.busy');
    expect(answer).toMatch(/retry-after: \d+\r\n/i);
  });

  it.each(['', 'X-Forwarded-For: nonsense\r\n', 'X-Forwarded-For: 127.0.0.1\r\n'])(
    "because its proxy names nobody (%j), and its share is the proxy's, may come back",
    async (field) => {
      await using edge = await TestEdge.start({
        limits: { streamsPerVisitor: 1 },
        trustedProxies: ['127.0.0.1'],
        origin: (_request, response) => void response.write('start'),
      });
      const socket = await edge.connect();
      socket.write(get('/', field));
      await readUntil(socket, /start/);
      expect(refusalOf(await edge.raw(get('/', field)))).toBe('503 edge.busy');
      const named = await edge.connect();
      named.write(get('/', 'X-Forwarded-For: 198.51.100.7\r\n'));
      await readUntil(named, /start/);
    },
  );

  it('because the hub is short of memory may come back, and never reached the origin', async () => {
    const overload = { sheds: true };
    let asked = 0;
    await using edge = await TestEdge.start({
      overload,
      origin: (_request, response) => void response.end(String(++asked)),
    });
    const answer = await edge.raw(get());
    expect(refusalOf(answer)).toBe('503 edge.overloaded');
    expect(answer).toMatch(/retry-after: \d+\r\n/i);
    overload.sheds = false;
    expect(await edge.raw(get('/', 'Connection: close\r\n'))).toMatch(/^HTTP\/1\.1 200/);
    expect(asked).toBe(1);
  });

  it('shows a page to a browser', async () => {
    await using edge = await TestEdge.start();
    const answer = await edge.raw(
      get('/', 'Accept: text/html\r\n').replace(onlineHostname, 'nobody.phlix.example'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404[^]*content-type: text\/html[^]*<!doctype html>/i);
  });
});

describe('a slow visitor', () => {
  it.each([
    ['in the first line', 'GET / HT'],
    ['between fields', `GET / HTTP/1.1\r\n${host}X-Slow: `],
    ['before anything', ''],
  ])('that stops %s is told, and cut', async (_where, bytes) => {
    await using edge = await TestEdge.start({ limits: { headTimeoutMs: 100 } });
    expect(refusalOf(await edge.raw(bytes))).toBe('408 edge.timeout');
  });

  it('of bodies is not hurried', async () => {
    await using edge = await TestEdge.start({ limits: { headTimeoutMs: 100 } });
    const socket = await edge.connect();
    socket.write(`POST / HTTP/1.1\r\n${host}Content-Length: 4\r\nConnection: close\r\n\r\n`);
    for (const letter of 'slow') {
      // Four times the deadline of the head, in real time: that is the promise.
      await once(AbortSignal.timeout(100), 'abort');
      socket.write(letter);
    }
    expect(seen(await readToClose(socket))).toMatchObject({ body: 'slow' });
  });

  it('may keep its connection between requests', async () => {
    await using edge = await TestEdge.start({ limits: { headTimeoutMs: 100 } });
    const socket = await edge.connect();
    for (const path of ['/1', '/2']) {
      socket.write(`GET ${path} HTTP/1.1\r\n${host}\r\n`);
      expect(await readUntil(socket, /}$/)).toContain(path);
      await once(AbortSignal.timeout(250), 'abort');
    }
  });
});

describe('an upgrade', () => {
  const handshake = `GET /socket HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n\r\n`;

  it('to WebSocket joins visitor and origin, and is counted until it ends', async () => {
    await using edge = await TestEdge.start();
    edge.origin.on('upgrade', (_request, socket, head) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nfirst',
      );
      socket.write(head);
      socket.pipe(socket);
    });
    const socket = await edge.connect();
    socket.write(`${handshake}early`);
    expect(await readUntil(socket, /firstearly/)).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*sec-websocket-accept: x/i,
    );
    socket.write('frames');
    expect(await readUntil(socket, /frames/)).toBe('frames');
    expect(edge.admission.counted.busyTunnels).toBe(1);
    socket.destroy();
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('behind requests that wait for their answers cuts the connection, and keeps no place', async () => {
    await using edge = await TestEdge.start();
    // Its answer is the connection's last one; the second request is on its way to the origin, the third one upgrades.
    const misdirected = get()
      .replace(onlineHostname, 'other.example')
      .replace(/Conn.*\r\n/, '');
    const request = `GET /film HTTP/1.1\r\n${host}\r\n`;
    await edge.raw(misdirected + request + handshake);
    await expect
      .poll(() => edge.admission.counted)
      .toMatchObject({ addresses: 0, busyTunnels: 0, busyVisitors: 0 });
  });

  it('that goes nowhere is refused like any request', async () => {
    await using edge = await TestEdge.start();
    expect(
      refusalOf(await edge.raw(handshake.replace(onlineHostname, 'asleep.phlix.example'))),
    ).toBe('503 tunnel.offline');
    expect(refusalOf(await edge.raw(handshake.replace(onlineHostname, hubHostname)))).toBe(
      '421 edge.misdirected',
    );
  });

  it('of the hub’s own name is the hub’s, with what came behind its head', async () => {
    const upgrades: [url: string | undefined, firstBytes: string, peer: string][] = [];
    await using edge = await TestEdge.start({
      hub: {
        onUpgrade: ({ url }, socket, firstBytes, peer) => {
          upgrades.push([url, firstBytes.toString(), peer]);
          socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
        },
      },
    });
    const request = `${handshake.replace(onlineHostname, hubHostname)}early`;
    expect(await edge.raw(request, { servername: hubHostname })).toMatch(/^HTTP\/1.1 101 /);
    expect(upgrades).toEqual([['/socket', 'early', '127.0.0.1']]);
  });
});
