import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { exchange, TestEdge } from '../../support/edge.ts';
import { head } from '../asking.ts';

const get = head('GET / HTTP/1.1');

/** An edge whose origin answers each request with these bytes; `connections` counts the streams that carried one. */
async function answering(answer: string | Buffer | ((asked: string) => string)) {
  const edge = await TestEdge.start();
  const counted = { connections: 0 };
  edge.origin.removeAllListeners('connection');
  edge.origin.on('connection', (pipe: Duplex) => {
    counted.connections += 1;
    pipe.on('data', (asked: Buffer) => {
      const bytes = typeof answer === 'function' ? answer(asked.toString('latin1')) : answer;
      pipe.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    });
  });
  return Object.assign(edge, { counted });
}

describe('what an origin answers', () => {
  test.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a list of lengths', 'Content-Length: 2, 3\r\n\r\nok'],
    [
      'a length and chunks',
      'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['a signed length', 'Content-Length: +2\r\n\r\nok'],
    ['an obscured chunked', 'Transfer-Encoding: xchunked\r\n\r\nok'],
    ['a line that is split', 'X: a\nContent-Length: 2\r\n\r\nok'],
  ])('CVE-2026-1525, CVE-2026-1527 (undici): %s is not passed on', async (_what, rest) => {
    await using edge = await answering(`HTTP/1.1 200 OK\r\n${rest}`);
    expect(await edge.raw(get)).toMatch(/^HTTP\/1\.1 502 /);
    const session = await edge.http2();
    expect((await exchange(session, { ':path': '/' })).headers[':status']).toBe(502);
    session.destroy();
  });

  test('CVE-2026-48931 (Node): an answer nobody asked for is nobody’s answer', async () => {
    const own = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown';
    await using edge = await answering(own + own.replace('own', 'bad').repeat(3));
    for (let i = 0; i < 5; i++) expect(await edge.raw(get)).toMatch(/\r\n\r\nown$/);
    // No connection that said more than it was asked carried another exchange.
    expect(edge.counted.connections).toBe(5);
  });

  test('CVE-2026-48931 (Node): nor is one that comes late, when the connection is idle', async () => {
    await using edge = await TestEdge.start();
    edge.origin.removeAllListeners('connection');
    edge.origin.on('connection', (pipe: Duplex) => {
      pipe.on('data', () => {
        pipe.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown');
        setImmediate(() => pipe.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad'));
      });
    });
    for (let i = 0; i < 20; i++) expect(await edge.raw(get)).toMatch(/\r\n\r\nown$/);
  });

  test('CVE-2026-22036 (undici): a compressed body passes as it is, whatever it would become', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const fields = 'Content-Encoding: gzip, gzip, gzip\r\nContent-Length: ';
    const answer = Buffer.from(`HTTP/1.1 200 OK\r\n${fields}${bomb.length}\r\n\r\n`);
    await using edge = await answering(Buffer.concat([answer, bomb]));
    const before = process.memoryUsage().rss;
    const arrived = await edge.raw(get);
    expect(arrived).toContain('content-encoding: gzip, gzip, gzip\r\n');
    const body = Buffer.from(arrived.slice(arrived.indexOf('\r\n\r\n') + 4), 'latin1');
    expect(body.equals(bomb)).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
  });

  test('CVE-2026-22036 (undici): and what the visitor accepts is not changed', async () => {
    await using edge = await answering((asked) => {
      const [, accepts = ''] = /accept-encoding: (.*)\r\n/i.exec(asked) ?? [];
      return `HTTP/1.1 200 OK\r\nContent-Length: ${accepts.length}\r\n\r\n${accepts}`;
    });
    const answer = await edge.raw(head('GET / HTTP/1.1', 'Accept-Encoding: br;q=0.1, x'));
    expect(answer).toMatch(/\r\n\r\nbr;q=0\.1, x$/);
    expect(await edge.raw(get)).toMatch(/\r\n\r\n$/);
  });
});
