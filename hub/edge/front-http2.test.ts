import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

import { describe, expect, it } from 'vitest';

import {
  deadline,
  exchange,
  hubHostname,
  onlineHostname,
  TestEdge,
  type Answer,
  type Seen,
} from '../../test/support/edge.ts';

const seen = (answer: Answer) => JSON.parse(answer.body) as Seen;

async function refusal(
  session: ClientHttp2Session,
  headers: Record<string, string | string[]>,
): Promise<string> {
  const answer = await exchange(session, headers);
  const { code } = JSON.parse(answer.body) as { code: string };
  return `${String(answer.headers[':status'])} ${code}`;
}

describe('a request over HTTP/2', () => {
  it('reaches the origin with one clean set of fields', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const answer = await exchange(session, {
      ':path': '/Items?x=1',
      'x-forwarded-for': '6.6.6.6',
      x_real_ip: '6',
      cookie: ['a=1', 'b=2'],
      range: 'bytes=0-',
    });
    expect(answer.headers).toMatchObject({ ':status': 200, 'content-type': 'application/json' });
    expect(seen(answer)).toMatchObject({ method: 'GET', url: '/Items?x=1', body: '' });
    expect(seen(answer).rawHeaders).toEqual([
      'host',
      onlineHostname,
      'cookie',
      'a=1; b=2',
      'range',
      'bytes=0-',
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

  it('that asks for trailers has the origin asked for them', async () => {
    await using edge = await TestEdge.start();
    const answer = await exchange(await edge.http2(), { te: 'trailers' });
    expect(seen(answer).rawHeaders.slice(-4)).toEqual(['te', 'trailers', 'connection', 'TE']);
  });

  it('carries a body, with a length and without', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const big = 'x'.repeat(1_000_000);
    const [sized, unsized] = await Promise.all([
      exchange(session, { ':method': 'POST', 'content-length': 5 }, 'hello'),
      exchange(session, { ':method': 'PUT' }, big),
    ]);
    expect(seen(sized)).toMatchObject({ method: 'POST', body: 'hello' });
    expect(seen(sized).rawHeaders).toContain('content-length');
    expect(seen(unsized).body).toBe(big);
    expect(seen(unsized).rawHeaders).toContain('transfer-encoding');
  });

  it('loses the body of a GET', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const answer = await exchange(session, { ':path': '/x' }, 'y'.repeat(300_000));
    expect(seen(answer)).toMatchObject({ method: 'GET', body: '' });
    expect(seen(await exchange(session, { ':path': '/next' }))).toMatchObject({ url: '/next' });
  });

  it('that expects 100 gets it', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const stream = session.request({
      ':authority': onlineHostname,
      ':method': 'POST',
      expect: '100-continue',
    });
    await once(stream, 'continue', deadline());
    stream.end('now');
    const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head[':status']).toBe(200);
  });

  it('for another server over the same connection is routed by its own name', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2('asleep.phlix.example');
    expect(await refusal(session, { ':authority': 'asleep.phlix.example' })).toBe(
      '503 tunnel.offline',
    );
    expect(seen(await exchange(session, {})).url).toBe('/');
  });

  it('for the hub itself goes to its pages', async () => {
    await using edge = await TestEdge.start({
      hub: {
        onRequest: (request, response) =>
          response.end(
            `${request.method} ${request.url} for ${request.headers[':authority'] as string}`,
          ),
      },
    });
    const session = await edge.http2(hubHostname);
    const answer = await exchange(session, { ':authority': hubHostname, ':path': '/login' });
    expect(answer.body).toBe(`GET /login for ${hubHostname}`);
  });
});

describe('an answer over HTTP/2', () => {
  it('keeps status, repetitions and length', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => {
        response.writeHead(206, [
          'Set-Cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'Content-Length',
          '2',
          'Connection',
          'keep-alive',
          'X-Twice',
          '1',
          'X-Twice',
          '2',
          'Age',
          '1',
          'Age',
          '1',
        ]);
        response.end('ab');
      },
    });
    const { headers, body } = await exchange(await edge.http2(), {});
    expect(headers).toMatchObject({
      ':status': 206,
      'set-cookie': ['a=1', 'b=2'],
      'content-length': '2',
      'x-twice': '1, 2',
    });
    expect(headers.connection).toBeUndefined();
    expect(body).toBe('ab');
  });

  it('carries early hints and trailers', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => {
        response.writeEarlyHints({ link: ['</a>; rel=preload', '</b>; rel=preload'] });
        response.write('abc');
        response.addTrailers({ 'X-Sum': '6' });
        response.end();
      },
    });
    const answer = await exchange(await edge.http2(), {});
    expect(answer.information).toMatchObject([
      { ':status': 103, link: '</a>; rel=preload, </b>; rel=preload' },
    ]);
    expect(answer.body).toBe('abc');
    expect(answer.trailers).toMatchObject({ 'x-sum': '6' });
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with %i has no body', async (method, status) => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => {
        response.writeHead(status, status === 200 ? { 'content-length': '1234' } : { etag: '"x"' });
        response.end();
      },
    });
    const session = await edge.http2();
    const answer = await exchange(session, { ':method': method });
    expect([answer.headers[':status'], answer.body]).toEqual([status, '']);
    expect((await exchange(session, { ':method': method })).headers[':status']).toBe(status);
    expect(edge.admission.counted.busyTunnels).toBe(0);
  });

  it('waits for a visitor that does not read, and is whole when it does', async () => {
    const size = 4_000_000;
    await using edge = await TestEdge.start({
      origin: (_request, response) => void response.end(Buffer.alloc(size, 'x')),
    });
    const session = await edge.http2();
    const stuck = session.request({ ':authority': onlineHostname });
    await once(stuck, 'response', deadline());
    expect((await exchange(session, {})).body).toHaveLength(size);
    expect(edge.admission.counted.busyTunnels).toBe(1);
    let bytes = 0;
    stuck.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    await once(stuck, 'close', deadline());
    expect(bytes).toBe(size);
  });

  it.each([
    ['in chunks', {}],
    ['of a known length', { 'content-length': '10' }],
  ])('%s that the origin cuts short is reset, never ended', async (_what, headers) => {
    const asked = Promise.withResolvers<ServerResponse>();
    await using edge = await TestEdge.start({
      origin: (_request, response) => asked.resolve(response),
    });
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname });
    let hasEnded = false;
    stream.on('end', () => {
      hasEnded = true;
    });
    const response = await asked.promise;
    response.writeHead(200, headers).write('half');
    await once(stream, 'data', deadline());
    response.destroy();
    await expect(once(stream, 'close', deadline())).rejects.toThrow(/INTERNAL_ERROR/);
    expect([stream.rstCode, hasEnded]).toEqual([constants.NGHTTP2_INTERNAL_ERROR, false]);
  });

  it('of unknown length ends with its trailers though the upload goes on', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => {
        response.writeHead(413, { trailer: 'x-sum' }).write('big');
        response.addTrailers([['x-sum', '3']]);
        response.end();
      },
    });
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ':method': 'POST' });
    const trailers = once(stream, 'trailers', deadline());
    stream.write('x');
    stream.resume();
    expect((await trailers)[0]).toMatchObject({ 'x-sum': '3' });
    stream.end('y');
    await once(stream, 'close', deadline());
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });

  it('may be complete before the upload is', async () => {
    await using edge = await TestEdge.start({
      origin: (_request, response) =>
        void response.writeHead(413, { 'content-length': '3' }).end('big'),
    });
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname, ':method': 'POST' });
    stream.write('x');
    const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head[':status']).toBe(413);
    stream.resume();
    await once(stream, 'close', deadline());
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });
});

describe('a visitor on HTTP/2 that leaves', () => {
  it.each([
    [
      'by resetting its stream',
      (session: ClientHttp2Session, reset: () => void) => (reset(), session),
    ],
    ['by ending the connection', (session: ClientHttp2Session) => (session.destroy(), session)],
  ])('%s ends the exchange at the origin', async (_how, leave) => {
    await using edge = await TestEdge.start({
      origin: (_request, response) => void response.write('start'),
    });
    const session = await edge.http2();
    const stream = session.request({ ':authority': onlineHostname });
    stream.on('error', () => {});
    await once(stream, 'data', deadline());
    leave(session, () => stream.close(constants.NGHTTP2_CANCEL));
    await expect.poll(() => edge.resets).toEqual(['cancelled']);
    await expect.poll(() => edge.admission.counted.busyTunnels).toBe(0);
  });
});

describe('a request over HTTP/2 that goes nowhere', () => {
  it.each([
    ['an unknown server', { ':authority': 'nobody.phlix.example' }, '404 tunnel.unknown'],
    [
      'the hub, over a connection for servers',
      { ':authority': hubHostname },
      '421 edge.misdirected',
    ],
    ['two authorities', { host: 'nobody.phlix.example' }, '400 edge.bad-request'],
    ['a port in disguise', { ':authority': `${onlineHostname}:0443` }, '400 edge.bad-request'],
    ['another scheme', { ':scheme': 'http' }, '400 edge.bad-request'],
    ['a fragment', { ':path': '/a#b' }, '400 edge.bad-request'],
    ['TRACE', { ':method': 'TRACE' }, '405 edge.method'],
    ['another expectation', { expect: 'tea' }, '417 edge.expectation'],
    [
      'too many fields',
      { 'x-a': Array.from({ length: 101 }, () => 'b') },
      '431 edge.fields-too-large',
    ],
    [
      'fields that are too large',
      { 'x-a': Array.from({ length: 9 }, () => 'b'.repeat(4000)) },
      '431 edge.fields-too-large',
    ],
  ])('for %s is told so', async (_what, headers: Record<string, string | string[]>, code) => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    expect(await refusal(session, headers)).toBe(code);
    expect(seen(await exchange(session, {})).url).toBe('/');
  });

  it('for CONNECT is told so', async () => {
    await using edge = await TestEdge.start();
    const session = await edge.http2();
    const stream = session.request({ ':method': 'CONNECT', ':authority': onlineHostname });
    const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
    expect(head[':status']).toBe(405);
  });
});
