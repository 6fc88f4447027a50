import { once } from 'node:events';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytes, TestTunnel, withBody } from '../../test/support/exchanges.ts';
import { poolOf } from './stream-pool.ts';

const empty = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

describe('a stream whose exchange ended cleanly', () => {
  test('carries the next request', async () => {
    const tunnel = new TestTunnel();
    const origin = await tunnel.warm();
    const second = tunnel.forward({ target: '/second' });
    await origin.heard('GET /second HTTP/1.1\r\n');
    origin.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await second.done();
    expect([second.body, tunnel.opened]).toEqual(['ok', 1]);
  });

  test('never carries a request of another tunnel', async () => {
    const [one, other] = [new TestTunnel(), new TestTunnel()];
    await one.warm();
    other.forward();
    expect([one.opened, other.opened]).toEqual([1, 1]);
    expect(poolOf(one)).not.toBe(poolOf(other));
    expect(poolOf(one).idleCount).toBe(1);
  });

  test('never carries a request of another visitor, where the origin is told whose it is', async () => {
    const tunnel = Object.assign(new TestTunnel(), { wantsClientAddress: true });
    await tunnel.warm();
    const visit = (clientAddress: string | undefined): number[] => {
      const visitor = tunnel.forward({ clientAddress });
      const opened = tunnel.opened;
      const idle = poolOf(tunnel).idleCount;
      visitor.onAborted();
      return [opened, idle];
    };
    expect(visit('203.0.113.10')).toEqual([2, 1]);
    expect(visit(undefined)).toEqual([3, 1]);
    expect(visit('203.0.113.9')).toEqual([3, 0]);
  });

  test('never carries a request that must not be sent twice', async () => {
    const tunnel = new TestTunnel();
    await tunnel.warm();
    tunnel.forward(withBody(Readable.from([bytes('x')]), 1));
    tunnel.forward({ method: 'DELETE' });
    expect([tunnel.opened, poolOf(tunnel).idleCount]).toEqual([3, 1]);
  });

  test('carries on after a visitor that was slow to the last byte', async () => {
    const tunnel = new TestTunnel();
    const slow = tunnel.forward();
    slow.isSlow = true;
    const origin = await tunnel.accept();
    origin.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await slow.done();
    const next = tunnel.forward({ target: '/next' });
    await origin.heard('/next');
    origin.answer(empty);
    await next.done();
    expect([next.status, tunnel.opened]).toEqual([200, 1]);
    // The former visitor's events move nobody's stream any more.
    slow.onAborted();
    slow.onDrain();
    expect(poolOf(tunnel).idleCount).toBe(1);
  });
});

describe('a stream is not used again', () => {
  test.each([
    [
      'after Connection: close',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    ],
    ['after HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n'],
    ['with bytes behind its response', `${empty}HTTP/1.1 200 OK\r\n`],
    ['with bytes behind a HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'HEAD'],
    ['after 204 in chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ])('%s', async (_, wire, method = 'GET') => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward({ method });
    const origin = await tunnel.accept();
    origin.answer(wire);
    await visitor.done();
    expect(visitor.outcome).toBe('ended');
    expect(await origin.reset).toBe('cancelled');
    expect(poolOf(tunnel).idleCount).toBe(0);
  });

  test('once a byte has come that nobody asked for', async () => {
    const tunnel = new TestTunnel();
    const origin = await tunnel.warm();
    origin.answer('HTTP/1.1 408 Request Timeout\r\n\r\n');
    expect(await origin.reset).toBe('cancelled');
    expect(poolOf(tunnel).idleCount).toBe(0);
  });

  test('once its origin has ended, or its link is lost', async () => {
    const tunnel = new TestTunnel();
    const origin = await tunnel.warm();
    origin.stream.end();
    await origin.reset;
    expect(poolOf(tunnel).idleCount).toBe(0);
    await tunnel.warm();
    tunnel.pair.hub.session.destroy();
    await tunnel.pair.hub.ended;
    await new Promise((resolve) => setImmediate(resolve));
    expect(poolOf(tunnel).idleCount).toBe(0);
  });
});

describe('idle streams', () => {
  afterEach(() => vi.useRealTimers());

  test('are given up before a Node origin would close them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const tunnel = new TestTunnel();
    const origin = await tunnel.warm();
    vi.advanceTimersByTime(3999);
    expect(poolOf(tunnel).idleCount).toBe(1);
    vi.advanceTimersByTime(1);
    expect(poolOf(tunnel).idleCount).toBe(0);
    // A FIN, as every HTTP client says goodbye; a reset is for an origin that does not answer it.
    await once(origin.stream, 'end');
    vi.advanceTimersByTime(5000);
    expect(await origin.reset).toBe('cancelled');
  });

  test('past their time are not taken, even before the next sweep', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const tunnel = new TestTunnel();
    const first = tunnel.forward();
    const second = tunnel.forward();
    (await tunnel.accept()).answer(empty);
    await first.done();
    vi.advanceTimersByTime(3000);
    (await tunnel.accept()).answer(empty);
    await second.done();
    // The sweep of second 4 leaves the younger one, the next one comes at second 8.
    vi.advanceTimersByTime(4500);
    expect(poolOf(tunnel).idleCount).toBe(1);
    expect(poolOf(tunnel).take()).toBeUndefined();
  });

  test('are given up at once when their tunnel is retired, and so is one that comes back later', async () => {
    const tunnel = new TestTunnel();
    const idle = await tunnel.warm();
    const last = tunnel.forward({ method: 'POST' });
    const busy = await tunnel.accept();
    tunnel.retirement.abort();
    await once(idle.stream, 'end');
    busy.answer(empty);
    await last.done();
    await once(busy.stream, 'end');
    expect([last.status, poolOf(tunnel).idleCount]).toEqual([200, 0]);
  });

  test('are bounded', async () => {
    const tunnel = new TestTunnel();
    const visitors = Array.from({ length: 270 }, () => tunnel.forward());
    for (const visitor of visitors) {
      (await tunnel.accept()).answer(empty);
      await visitor.done();
    }
    expect(poolOf(tunnel).idleCount).toBe(256);
  });
});

describe('a used stream that dies under a request', () => {
  test.each([
    ['ends', 'end'],
    ['is reset', 'origin-closed'],
  ])(
    'before a byte of the answer (%s): the request goes out once more, and the visitor never knows',
    async (_, how) => {
      const tunnel = new TestTunnel();
      const first = await tunnel.warm();
      const visitor = tunnel.forward({ target: '/again' });
      await first.heard('/again');
      if (how === 'end') first.stream.end();
      else first.stream.reset('origin-closed');
      const second = await tunnel.accept();
      await second.heard('GET /again HTTP/1.1\r\n');
      second.answer(empty);
      await visitor.done();
      expect([visitor.status, tunnel.opened]).toEqual([200, 2]);
    },
  );

  test('twice: the second death is told', async () => {
    const tunnel = new TestTunnel();
    const first = await tunnel.warm();
    const visitor = tunnel.forward();
    await first.heard('GET');
    first.stream.reset('origin-closed');
    (await tunnel.accept()).stream.reset('origin-closed');
    await visitor.done();
    expect([visitor.code, tunnel.opened]).toEqual(['origin.closed', 2]);
  });

  test('after a byte of the answer: no second request', async () => {
    const tunnel = new TestTunnel();
    const first = await tunnel.warm();
    const visitor = tunnel.forward();
    await first.heard('GET');
    first.answer('H');
    first.stream.end();
    await visitor.done();
    expect([visitor.code, tunnel.opened]).toEqual(['origin.closed', 1]);
  });

  test('with its link: no second request', async () => {
    const tunnel = new TestTunnel();
    const first = await tunnel.warm();
    const visitor = tunnel.forward();
    await first.heard('GET');
    tunnel.pair.agent.session.destroy();
    await visitor.done();
    expect([visitor.code, tunnel.opened]).toEqual(['tunnel.lost', 1]);
  });

  test('when the origin is down by now: its absence is told', async () => {
    const tunnel = new TestTunnel();
    const first = await tunnel.warm();
    const visitor = tunnel.forward();
    await first.heard('GET');
    first.stream.reset('origin-closed');
    (await tunnel.accept()).stream.reset('origin-unreachable');
    await visitor.done();
    expect(visitor.code).toBe('origin.unreachable');
  });
});
