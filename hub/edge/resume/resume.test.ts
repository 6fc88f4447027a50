import { describe, expect, test } from 'vitest';
import { Backoff } from '../../../shared/backoff.ts';
import { maxLinksPerAgent } from '../../../shared/wire/limits.ts';
import {
  quiet,
  RecordingVisitor,
  visitorRequest,
  type ScriptedOrigin,
} from '../../../test/support/exchanges.ts';
import {
  failureOf,
  film,
  head200,
  head206,
  kinds,
  underWay,
} from '../../../test/support/film-under-way.ts';
import { RestartingTunnel } from '../../../test/support/restarting-tunnel.ts';
import { Forwarding } from '../forward.ts';

describe('a response whose link is lost', () => {
  test('goes on over the next link, from the byte where it stopped', async () => {
    const { tunnel, link, visitor } = await underWay(4);
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    expect(visitor.outcome).toBeUndefined();
    const origin = await tunnel.connect().accept();
    expect(origin.received).toContain('\r\nrange: bytes=4-9\r\nif-range: "a"\r\n\r\n');
    origin.answer(head206(4), '456789');
    await visitor.done();
    expect([visitor.status, visitor.body, visitor.outcome]).toEqual([200, film, 'ended']);
    expect(kinds(tunnel.events)).toEqual(['started', 'resumed']);
    expect(tunnel.events[1]).toMatchObject({ cause: 'link-lost', offset: 4, attempt: 1 });
  });

  test('goes on at once when the agent has a second link', async () => {
    const { tunnel, link, visitor } = await underWay(4);
    const second = tunnel.connect();
    tunnel.cut(link);
    (await second.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('goes on when the head alone had come', async () => {
    const { tunnel, link, visitor } = await underWay(0);
    tunnel.cut(link);
    const origin = await tunnel.connect().accept();
    expect(origin.received).toContain('range: bytes=0-9\r\n');
    origin.answer(head206(0), film);
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual([film, 'ended']);
  });

  test('that is a part goes on inside of it, and the visitor’s If-Range is not asked again', async () => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const fields = ['range', 'bytes=2-7', 'if-range', '"a"', 'accept-encoding', 'br'];
    const visitor = tunnel.forward({ fields });
    (await link.accept()).answer(head206(2, '', 7), '23');
    await visitor.when(() => visitor.body === '23');
    tunnel.cut(link);
    const origin = await tunnel.connect().accept();
    expect(origin.received).toContain('\r\nrange: bytes=4-7\r\nif-range: "a"\r\n');
    expect(origin.received.match(/if-range/g)).toHaveLength(1);
    expect(origin.received).toContain('accept-encoding: br\r\n');
    origin.answer(head206(4, '', 7), '4567');
    await visitor.done();
    expect([visitor.status, visitor.body, visitor.outcome]).toEqual([206, '234567', 'ended']);
  });

  test('goes on after several cuts, and its last connection may serve the next request', async () => {
    const { tunnel, link, visitor } = await underWay(1);
    let last = link;
    for (let at = 1; at < 9; at++) {
      tunnel.cut(last);
      last = tunnel.connect();
      (await last.accept()).answer(head206(at), film.slice(at, at + 1));
      await visitor.when(() => visitor.body.length === at + 1);
    }
    tunnel.cut(last);
    last = tunnel.connect();
    const origin = await last.accept();
    origin.answer(head206(9), '9');
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual([film, 'ended']);
    origin.received = '';
    tunnel.forward();
    await origin.heard('\r\n\r\n');
    expect(origin.received).not.toContain('range');
  });

  test('goes on when an attempt is cut before its head, and inside of it', async () => {
    const { tunnel, link, visitor } = await underWay(4);
    tunnel.cut(link);
    for (const answer of ['', 'HTTP/1.1 206 Par', head206(4)]) {
      const next = tunnel.connect();
      const origin = await next.accept();
      if (answer !== '') origin.answer(answer);
      await quiet(() => next.pair.hub.session.streamCount);
      tunnel.cut(next);
    }
    (await tunnel.connect().accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
    expect(tunnel.events.at(-1)).toMatchObject({ kind: 'resumed', attempt: 4 });
  });

  test('waits for the agent that has been asked to move, too', async () => {
    const { tunnel, link, visitor, origin } = await underWay(4);
    tunnel.retire(link);
    origin.stream.reset('origin-closed');
    await quiet(() => tunnel.waitingCount);
    (await tunnel.connect().accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('does not pass on interim heads of the second answer', async () => {
    const { tunnel, link, visitor } = await underWay(4);
    tunnel.cut(link);
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    (await tunnel.connect().accept()).answer(hints, head206(4), '456789');
    await visitor.done();
    expect([visitor.body, visitor.interims]).toEqual([film, []]);
  });
});

describe('a response whose origin breaks off', () => {
  test.each([
    ['with a reset', (origin: ScriptedOrigin) => origin.stream.reset('origin-closed')],
    ['with an end', (origin: ScriptedOrigin) => origin.stream.end()],
  ])('%s goes on over the same link', async (_, breakOff) => {
    const { link, tunnel, visitor, origin } = await underWay(4);
    breakOff(origin);
    (await link.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual([film, 'ended']);
    expect(tunnel.events.at(-1)).toMatchObject({ cause: 'origin-closed', offset: 4 });
  });

  test('goes on when the origin is back: unreachable, silent, closing and starting are waited for', async () => {
    const { link, visitor, origin } = await underWay(4);
    origin.stream.reset('origin-closed');
    for (const reason of ['origin-unreachable', 'origin-timeout', 'refused'] as const) {
      (await link.accept()).stream.reset(reason);
    }
    (await link.accept()).stream.end();
    (await link.accept()).answer('HTTP/1.1 503 Starting\r\nContent-Length: 3\r\n\r\nnot');
    (await link.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual([film, 'ended']);
  });

  test('is cut when the agent does not trust who answers by now: no further attempt mends that', async () => {
    const { link, visitor, origin, tunnel } = await underWay(4);
    origin.stream.reset('origin-closed');
    (await link.accept()).stream.reset('origin-untrusted');
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual(['0123', 'destroyed']);
    expect(failureOf(tunnel.events)).toEqual(['broken']);
  });

  test('whose length was longer than its file is cut: what is missing does not exist', async () => {
    const { link, visitor, origin, tunnel } = await underWay(4);
    origin.stream.end();
    (await link.accept()).answer(
      'HTTP/1.1 416 No\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n',
    );
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual(['0123', 'destroyed']);
    expect(failureOf(tunnel.events)).toEqual(['not-partial']);
  });

  test('is not given up for many attempts that found nobody, after one that promised and broke', async () => {
    const { link, visitor, origin } = await underWay(4);
    origin.stream.end();
    const barren = await link.accept();
    barren.answer(head206(4));
    barren.stream.end();
    for (let attempt = 0; attempt < 20; attempt++) {
      (await link.accept()).stream.reset('origin-unreachable');
    }
    (await link.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('over and over before the first byte of the rest is cut', async () => {
    const { link, visitor, origin, tunnel } = await underWay(4);
    origin.stream.end();
    let attempts = 0;
    const answering = (async () => {
      for (;;) {
        const next = await link.accept();
        attempts += 1;
        next.answer(head206(4));
        next.stream.end();
      }
    })();
    answering.catch(() => undefined);
    await visitor.done();
    expect([visitor.outcome, failureOf(tunnel.events)]).toEqual(['destroyed', ['no-progress']]);
    expect(attempts).toBeLessThan(20);
  });

  test.each([
    ['is asked ever more slowly', 0, [100, 200, 400, 800, 1600, 2000, 2000, 2000]],
    ['is asked as at first when it has been calm for a second', 1000, Array(8).fill(100)],
  ])('and goes on a byte at a time %s', async (_, calmMs, expected) => {
    const waits: number[] = [];
    let nowMs = 0;
    class Recorded extends Backoff {
      override next(): number {
        nowMs += calmMs;
        waits.push(super.next());
        return 0;
      }
    }
    const spacing = { firstMs: 100, maxMs: 2000, stableMs: 1000, random: () => 1 };
    const backoff = () => new Recorded({ ...spacing, now: () => nowMs });
    const { link, visitor, origin } = await underWay(1, {}, { backoff });
    let last = origin;
    for (let at = 1; at < 10; at++) {
      last.stream.end();
      last = await link.accept();
      last.answer(head206(at), film.slice(at, at + 1));
      await visitor.when(() => visitor.body.length === at + 1);
    }
    expect(visitor.outcome).toBe('ended');
    expect(waits).toEqual(expected);
  });
});

describe('a wrong byte is never sent', () => {
  const other = 'XXXXXX';
  test.each<[string, string, string]>([
    [
      '200 with the whole file',
      `HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 10\r\n\r\n${film}`,
      'not-partial',
    ],
    [
      '200 with the rest',
      `HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 6\r\n\r\n${other}`,
      'not-partial',
    ],
    ['412', 'HTTP/1.1 412 No\r\nContent-Length: 6\r\n\r\nXXXXXX', 'not-partial'],
    ['404', 'HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\nXXXXXX', 'not-partial'],
    ['another tag', head206(4).replace('"a"', '"b"') + other, 'validator'],
    ['a weak tag', head206(4).replace('"a"', 'W/"a"') + other, 'validator'],
    ['no tag', head206(4).replace('ETag: "a"\r\n', '') + other, 'validator'],
    ['another place', head206(3) + `${other}X`, 'range'],
    ['less', head206(4, '', 8) + 'XXXXX', 'range'],
    ['another whole', head206(4).replace('/10', '/11') + other, 'range'],
    ['a coding', head206(4, 'Content-Encoding: gzip\r\n') + other, 'representation'],
    [
      'several parts',
      head206(4, 'Content-Type: multipart/byteranges\r\n') + other,
      'representation',
    ],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', 'broken'],
    ['two lengths', head206(4, 'Content-Length: 6\r\n') + other, 'broken'],
    [
      'another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nXXXXXX',
      'broken',
    ],
  ])('when the answer is %s', async (_, answer, reason) => {
    const { link, tunnel, visitor, origin } = await underWay(4);
    origin.stream.end();
    const next = await link.accept();
    next.answer(answer);
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual(['0123', 'destroyed']);
    expect(failureOf(tunnel.events)).toEqual([reason]);
    expect(await next.reset).toBe('cancelled');
  });

  test('when the rest is followed by more', async () => {
    const { link, visitor, origin } = await underWay(4);
    origin.stream.end();
    (await link.accept()).answer(head206(4), '456789XXXX');
    await visitor.done();
    expect([visitor.body, visitor.outcome]).toEqual([film, 'ended']);
  });

  test('when the agent says that it failed itself', async () => {
    const { visitor, origin, tunnel } = await underWay(4);
    origin.stream.reset('internal');
    await visitor.done();
    expect([visitor.outcome, tunnel.events]).toEqual(['destroyed', []]);
  });
});

describe('what cannot be resumed ends at once', () => {
  test.each<[string, string]>([
    ['without a validator', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123'],
    ['with a weak one', 'HTTP/1.1 200 OK\r\nETag: W/"a"\r\nContent-Length: 10\r\n\r\n0123'],
    ['of unknown length', 'HTTP/1.1 200 OK\r\nETag: "a"\r\n\r\n0123'],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nETag: "a"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n',
    ],
    [
      'of an origin without ranges',
      head200.replace('\r\n\r\n', '\r\nAccept-Ranges: none\r\n\r\n') + '0123',
    ],
  ])('a response %s', async (_, answer) => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward();
    (await link.accept()).answer(answer);
    await visitor.when(() => visitor.body === '0123');
    tunnel.cut(link);
    await visitor.done();
    expect([visitor.outcome, tunnel.events, tunnel.waitingCount]).toEqual(['destroyed', [], 0]);
  });

  test('a response to a POST', async () => {
    const { tunnel, link, visitor } = await underWay(4, { method: 'POST' });
    tunnel.cut(link);
    await visitor.done();
    expect([visitor.outcome, tunnel.events]).toEqual(['destroyed', []]);
  });

  test('what answers a WebSocket handshake', async () => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = new RecordingVisitor();
    const options = { idleTimeoutMs: 1000, resume: { timeoutMs: 1000 } };
    const handshake = { protocol: 'websocket', take: () => undefined };
    new Forwarding(visitorRequest(), visitor, tunnel, options, handshake).start(['host', 'x']);
    (await link.accept()).answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    expect([visitor.outcome, tunnel.waitingCount]).toEqual(['destroyed', 0]);
  });

  test('everything, when it is switched off', async () => {
    const { tunnel, link, visitor } = await underWay(4, {}, {}, { resume: undefined });
    tunnel.cut(link);
    await visitor.done();
    expect(visitor.outcome).toBe('destroyed');
  });
});

describe('a request whose link is lost before its response', () => {
  test.each(['GET', 'HEAD', 'OPTIONS'])('is sent again: %s', async (method) => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward({ method });
    const first = await link.accept();
    tunnel.cut(link);
    const again = tunnel.connect();
    const origin = await again.accept();
    expect(origin.received).toBe(first.received);
    origin.answer('HTTP/1.1 204 No Content\r\n\r\n');
    await visitor.done();
    expect([visitor.status, kinds(tunnel.events)]).toEqual([204, ['started', 'replayed']]);
  });

  test('is sent again when half a head had come, and not when a hint had reached the visitor', async () => {
    for (const [answer, status] of [
      ['HTTP/1.1 200 O', 204],
      ['HTTP/1.1 103 x\r\n\r\n', 502],
    ] as const) {
      const tunnel = new RestartingTunnel();
      const link = tunnel.connect();
      const visitor = tunnel.forward();
      (await link.accept()).answer(answer);
      await quiet(() => visitor.interims.length);
      tunnel.cut(link);
      const next = tunnel.connect();
      if (status === 204) (await next.accept()).answer('HTTP/1.1 204 No Content\r\n\r\n');
      await visitor.done();
      expect(visitor.status).toBe(status);
    }
  });

  test('is sent over as many links as an agent can have, which are lost one after the other', async () => {
    const tunnel = new RestartingTunnel();
    let link = tunnel.connect();
    const visitor = tunnel.forward();
    for (let lost = 0; lost <= maxLinksPerAgent; lost++) {
      await link.accept();
      tunnel.cut(link);
      link = tunnel.connect();
    }
    await visitor.done();
    expect([visitor.status, visitor.code]).toEqual([502, 'tunnel.lost']);
  });

  test('is sent once when it is a POST, or when the origin closed', async () => {
    for (const [changes, code] of [
      [{ method: 'POST' }, 'tunnel.lost'],
      [{}, 'origin.closed'],
    ] as const) {
      const tunnel = new RestartingTunnel();
      const link = tunnel.connect();
      const visitor = tunnel.forward(changes);
      const origin = await link.accept();
      if (code === 'tunnel.lost') tunnel.cut(link);
      else origin.stream.end();
      await visitor.done();
      expect([visitor.code, tunnel.events]).toEqual([code, []]);
    }
  });

  test('has a response that can be resumed', async () => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward();
    await link.accept();
    tunnel.cut(link);
    const second = tunnel.connect();
    (await second.accept()).answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    tunnel.cut(second);
    (await tunnel.connect().accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });
});
