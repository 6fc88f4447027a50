import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { bytes, quiet, TestTunnel, withBody } from '../../test/support/exchanges.ts';
import type { RecordingVisitor } from '../../test/support/exchanges.ts';
import type { EdgeFailureCode } from './failure.ts';

const ok = 'HTTP/1.1 200 OK\r\n';

/** The answer of a visitor whose origin sends these chunks and, if asked, ends. */
async function answered(chunks: string[], end = false, changes = {}): Promise<RecordingVisitor> {
  const tunnel = new TestTunnel();
  const visitor = tunnel.forward(changes);
  const origin = await tunnel.accept();
  await origin.heard('\r\n\r\n');
  origin.answer(...chunks);
  if (end) origin.stream.end();
  await visitor.done();
  return visitor;
}

describe('a request', () => {
  test('reaches the origin as one head with our fields, and the stream is not half-closed behind it', async () => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward({ fields: ['range', 'bytes=0-', 'cookie', 'a=b'] });
    const origin = await tunnel.accept();
    await origin.heard('\r\n\r\n');
    expect(origin.received).toBe(
      'GET /film.mp4 HTTP/1.1\r\n' +
        'host: movies.test:8443\r\n' +
        'range: bytes=0-\r\n' +
        'cookie: a=b\r\n' +
        'x-forwarded-for: 203.0.113.9\r\n' +
        'x-forwarded-proto: https\r\n' +
        'x-forwarded-host: movies.test:8443\r\n' +
        'x-request-id: 019a5b3c-0000-7000-8000-000000000001\r\n' +
        '\r\n',
    );
    origin.answer(`${ok}Content-Length: 0\r\n\r\n`);
    await visitor.done();
    expect(origin.hasEnded).toBe(false);
  });

  test('with a body of known length sends exactly its bytes', async () => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward(withBody(Readable.from([bytes('hel'), bytes('lo')]), 5));
    const origin = await tunnel.accept();
    await origin.heard('hello');
    expect(origin.received).toMatch(/\r\ncontent-length: 5\r\n\r\nhello$/);
    origin.answer(`${ok}Content-Length: 0\r\n\r\n`);
    await visitor.done();
    expect(visitor.status).toBe(200);
  });

  test('with a body of unknown length sends chunks', async () => {
    const tunnel = new TestTunnel();
    tunnel.forward(withBody(Readable.from([bytes('hel'), bytes('lo')])));
    const origin = await tunnel.accept();
    await origin.heard('0\r\n\r\n');
    expect(origin.received).toMatch(/\r\ntransfer-encoding: chunked\r\n\r\n/);
    expect(origin.received).toMatch(/\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n$/);
  });

  test.each([
    ['longer', 'hello!'],
    ['shorter', 'hell'],
  ])('whose body is %s than its length is given up', async (_, body) => {
    const tunnel = new TestTunnel();
    const source = new PassThrough();
    const visitor = tunnel.forward(withBody(source, 5));
    const origin = await tunnel.accept();
    await origin.heard('\r\n\r\n');
    source.end(body);
    expect(await origin.reset).toBe('cancelled');
    expect(origin.received).not.toContain('hello!');
    expect(visitor.code).toBe('edge.bad-request');
  });

  test('with a body pauses the visitor while the origin does not read', async () => {
    const tunnel = new TestTunnel();
    let read = 0;
    const source = new Readable({
      highWaterMark: 65_536,
      read() {
        read += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    tunnel.forward(withBody(source, 1 << 30));
    const far = await tunnel.pair.agent.nextStream();
    far.pause();
    // Everything that can move has moved once the source has been paused and the line is quiet.
    await quiet(() => read);
    expect(source.isPaused()).toBe(true);
    expect(read).toBeLessThan(4 << 20);
    const before = read;
    far.resume();
    await far.take(64).forEach(() => undefined);
    expect(read).toBeGreaterThan(before);
    source.destroy();
  });

  test('that breaks off is told to the origin', async () => {
    const tunnel = new TestTunnel();
    const source = new PassThrough();
    tunnel.forward(withBody(source, 100));
    source.write('half');
    const origin = await tunnel.accept();
    await origin.heard('half');
    source.destroy();
    expect(await origin.reset).toBe('cancelled');
  });

  test('that is answered before its upload ends gets the answer, and the rest of the upload is dropped', async () => {
    const tunnel = new TestTunnel();
    let read = 0;
    const source = new Readable({
      read() {
        if (read === 8 << 20) return;
        read += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    const visitor = tunnel.forward(withBody(source, 1 << 30));
    const far = await tunnel.pair.agent.nextStream();
    const reset = once(far, 'error');
    await quiet(() => read);
    expect(source.isPaused()).toBe(true);
    far.write(bytes('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!'));
    await visitor.done();
    expect([visitor.status, visitor.body, visitor.outcome]).toEqual([413, 'no!', 'ended']);
    expect(await reset).toMatchObject([{ reason: 'cancelled' }]);
    // The visitor that sends everything first gets to its answer.
    await quiet(() => read);
    expect([read, source.readableLength]).toEqual([8 << 20, 0]);
  });
});

describe('a response', () => {
  test.each<[string, string, string, boolean]>([
    ['of known length', `${ok}Content-Length: 5\r\n\r\nhello`, 'hello', false],
    [
      'in chunks',
      `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`,
      'hello',
      false,
    ],
    ['until the close', `${ok}\r\nhello`, 'hello', true],
    ['without a body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '', false],
  ])('%s is the same whole and split at every byte', async (_, wire, body, end) => {
    for (let at = 0; at < wire.length; at++) {
      const visitor = await answered([wire.slice(0, at), wire.slice(at)], end);
      expect([visitor.body, visitor.outcome]).toEqual([body, 'ended']);
    }
  });

  test('keeps its end-to-end fields, compressed bytes and range untouched, and loses the hop-by-hop ones', async () => {
    const visitor = await answered([
      'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Encoding: gzip\r\n' +
        'Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n' +
        'Content-Length: 2\r\n\r\n\x1f\x8b',
    ]);
    expect([visitor.status, visitor.body]).toEqual([206, '\x1f\x8b']);
    expect(visitor.fields).toEqual(
      'content-range|bytes 0-1/9|content-encoding|gzip|set-cookie|a|set-cookie|b|content-length|2'.split(
        '|',
      ),
    );
  });

  test('to HEAD has a length and no body', async () => {
    const visitor = await answered([`${ok}Content-Length: 5\r\n\r\n`], false, { method: 'HEAD' });
    expect([visitor.field('content-length'), visitor.body]).toEqual(['5', '']);
  });

  test('204 loses its length', async () => {
    const visitor = await answered(['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n']);
    expect(visitor.fields).toEqual([]);
  });

  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';

  test('comes behind its interim heads; 100 stays between hub and origin', async () => {
    const visitor = await answered([`${interim}${ok}Content-Length: 0\r\n\r\n`]);
    expect(visitor.interims).toEqual([[103, ['link', '</a>']]]);
    expect(visitor.status).toBe(200);
  });

  test('has no interim heads for HTTP/1.0', async () => {
    const visitor = await answered([`${interim}${ok}Content-Length: 0\r\n\r\n`], false, {
      httpVersion: '1.0',
    });
    expect(visitor.interims).toEqual([]);
  });

  test.each([
    ['1.1', ['x-sum', '1']],
    ['2', ['x-sum', '1', 'x-more', '2']],
    ['1.0', undefined],
  ] as const)('passes trailers on to HTTP/%s', async (httpVersion, trailers) => {
    const wire =
      `${ok}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n` +
      '1\r\na\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\nSet-Cookie: c\r\n\r\n';
    const visitor = await answered([wire], false, { httpVersion });
    expect(visitor.trailers).toEqual(trailers);
    expect(visitor.field('trailer')).toBe(httpVersion === '1.0' ? undefined : 'X-Sum');
  });

  test('waits for a slow visitor: the stream is paused, and nothing piles up in between', async () => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward();
    visitor.isSlow = true;
    const far = await tunnel.pair.agent.nextStream();
    far.resume();
    far.write(bytes(`${ok}Content-Length: 33554432\r\n\r\n`));
    let sent = 0;
    const fill = () => {
      while (sent < 33_554_432) {
        sent += 65_536;
        if (!far.write(Buffer.alloc(65_536))) return;
      }
    };
    far.on('drain', fill);
    fill();
    await quiet(() => sent);
    expect(visitor.body.length).toBeLessThanOrEqual(65_536);
    expect(sent).toBeLessThan(4 << 20);
    visitor.isSlow = false;
    visitor.onDrain();
    await visitor.done();
    expect([visitor.body.length, visitor.outcome]).toEqual([33_554_432, 'ended']);
  });

  test('in chunks of one byte is written in as many pieces as arrive', async () => {
    const chunks = '1\r\nx\r\n'.repeat(1000);
    const visitor = await answered([`${ok}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`]);
    expect(visitor.body).toBe('x'.repeat(1000));
    expect(visitor.writes).toBeLessThan(10);
  });
});

describe('a broken response', () => {
  test.each<[string, string, EdgeFailureCode]>([
    ['that is no HTTP', 'SSH-2.0-OpenSSH\r\n', 'origin.bad-response'],
    ['with a split header', `${ok}X: a\r\n Set-Cookie: b\r\n\r\n`, 'origin.bad-response'],
    ['with a bare CR', `${ok}X: a\rSet-Cookie: b\r\n\r\n`, 'origin.bad-response'],
    ['with a NUL', `${ok}X: a\0\r\n\r\n`, 'origin.bad-response'],
    [
      'that switches unasked',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
      'origin.bad-response',
    ],
    [
      'of interim heads that are large',
      `HTTP/1.1 103 Early Hints\r\nLink: ${'a'.repeat(60_000)}\r\n\r\n`.repeat(2),
      'origin.too-large',
    ],
    ['of interim heads only', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(101), 'origin.bad-response'],
    ['with a head too large', `${ok}X: ${'a'.repeat(70_000)}`, 'origin.too-large'],
    ['with too many fields', `${ok}${'X: a\r\n'.repeat(201)}`, 'origin.too-large'],
  ])('%s gets a 502 in its place', async (_, wire, code) => {
    const visitor = await answered([wire]);
    expect([visitor.status, visitor.code, visitor.outcome]).toEqual([502, code, 'ended']);
  });

  test.each([
    ['a body that ends short', `${ok}Content-Length: 9\r\n\r\nhello`],
    ['chunks that end short', `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`],
    ['chunks out of step', `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n`],
  ])('with %s is cut, so that nobody takes it for whole', async (_, wire) => {
    const visitor = await answered([wire], true);
    expect([visitor.status, visitor.body, visitor.outcome]).toEqual([200, 'hello', 'destroyed']);
  });
});
