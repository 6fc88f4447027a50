import { afterEach, describe, expect, test, vi } from 'vitest';
import { quiet } from '../../../test/support/exchanges.ts';
import {
  failureOf,
  film,
  head200,
  head206,
  underWay,
} from '../../../test/support/film-under-way.ts';
import { RestartingTunnel } from '../../../test/support/restarting-tunnel.ts';

afterEach(() => vi.useRealTimers());

describe('the wait', () => {
  test('ends with the time, and leaves nobody behind', async () => {
    fakeDeadlines();
    const { tunnel, link, visitor } = await underWay(4, {}, { timeoutMs: 1000 });
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    expect(tunnel.waitingCount).toBe(1);
    vi.advanceTimersByTime(999);
    expect(visitor.outcome).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect([visitor.outcome, failureOf(tunnel.events)]).toEqual(['destroyed', ['timeout']]);
    await quiet(() => tunnel.waitingCount);
    expect(tunnel.waitingCount).toBe(0);
  });

  test('is no longer than silence may be', async () => {
    fakeDeadlines();
    const { tunnel, link, visitor } = await underWay(4, {}, {}, { idleTimeoutMs: 500 });
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    vi.advanceTimersByTime(500);
    expect(visitor.outcome).toBe('destroyed');
  });

  test('goes on while an origin says nothing to the second request, and ends with the time', async () => {
    fakeDeadlines();
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const timers = vi.getTimerCount();
    const visitor = tunnel.forward({}, { timeoutMs: 1000 });
    const origin = await link.accept();
    origin.answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    origin.stream.end();
    const second = await link.accept();
    vi.advanceTimersByTime(1000);
    expect(visitor.outcome).toBe('destroyed');
    expect(await second.reset).toBe('cancelled');
    expect(failureOf(tunnel.events)).toEqual(['timeout']);
    expect(vi.getTimerCount()).toBe(timers);
  });

  test('is not wound up by attempts that fail', async () => {
    fakeDeadlines();
    const { link, visitor, origin } = await underWay(4, {}, { timeoutMs: 1000 });
    origin.stream.end();
    for (let attempt = 0; attempt < 3; attempt++) {
      const next = await link.accept();
      vi.advanceTimersByTime(300);
      next.stream.reset('origin-unreachable');
      await quiet(() => link.streamCount);
      vi.advanceTimersByTime(1);
    }
    await link.accept();
    vi.advanceTimersByTime(100);
    expect(visitor.outcome).toBe('destroyed');
  });

  test('ends with the name of what stood in the way last', async () => {
    fakeDeadlines();
    const told: string[] = [];
    const onFailure = (_: unknown, code: string) => void told.push(code);
    const { link, visitor, origin } = await underWay(4, {}, { timeoutMs: 1000 }, { onFailure });
    origin.stream.end();
    (await link.accept()).stream.reset('origin-unreachable');
    await quiet(() => link.streamCount);
    vi.advanceTimersByTime(1000);
    expect([visitor.outcome, told]).toEqual(['destroyed', ['origin.unreachable']]);
  });

  test('of a request ends with 502', async () => {
    fakeDeadlines();
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward({}, { timeoutMs: 1000 });
    await link.accept();
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    vi.advanceTimersByTime(1000);
    expect([visitor.status, visitor.code]).toEqual([502, 'tunnel.lost']);
  });

  test('for a link ends when the visitor leaves', async () => {
    const { tunnel, link, visitor } = await underWay(4);
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    visitor.onAborted();
    expect([tunnel.waitingCount, failureOf(tunnel.events)]).toEqual([0, ['visitor-left']]);
    const next = tunnel.connect();
    await quiet(() => next.streamCount);
    expect([next.streamCount, visitor.outcome]).toEqual([0, undefined]);
  });

  test('for the origin ends when the visitor leaves', async () => {
    const { tunnel, link, visitor, origin } = await underWay(4);
    origin.stream.end();
    const second = await link.accept();
    visitor.onAborted();
    expect(failureOf(tunnel.events)).toEqual(['visitor-left']);
    expect(await second.reset).toBe('cancelled');
    await quiet(() => link.streamCount);
    expect([link.streamCount, visitor.outcome]).toEqual([0, undefined]);
  });

  test('ends when the server is revoked', async () => {
    const { tunnel, visitor } = await underWay(4);
    tunnel.close();
    await visitor.done();
    expect([visitor.outcome, failureOf(tunnel.events)]).toEqual(['destroyed', ['server-gone']]);
  });

  test('ends when the hub begins to drain, and goes on where a link is left', async () => {
    const draining = new AbortController();
    const resume = { draining: draining.signal };
    const waiting = await underWay(4, {}, resume);
    waiting.tunnel.cut(waiting.link);
    await quiet(() => waiting.tunnel.waitingCount);
    const lucky = await underWay(4, {}, resume);
    draining.abort();
    await waiting.visitor.done();
    expect(failureOf(waiting.tunnel.events)).toEqual(['hub-draining']);
    lucky.origin.stream.end();
    (await lucky.link.accept()).answer(head206(4), '4');
    await lucky.visitor.when(() => lucky.visitor.body === '01234');
    lucky.tunnel.cut(lucky.link);
    await lucky.visitor.done();
    expect([lucky.visitor.outcome, failureOf(lucky.tunnel.events)]).toEqual([
      'destroyed',
      ['hub-draining'],
    ]);
  });

  test('ends when the hub begins to drain after an attempt that was lost', async () => {
    const draining = new AbortController();
    const { tunnel, link, visitor } = await underWay(4, {}, { draining: draining.signal });
    tunnel.cut(link);
    const second = tunnel.connect();
    await second.accept();
    tunnel.cut(second);
    await quiet(() => tunnel.waitingCount);
    draining.abort();
    await visitor.done();
    expect(failureOf(tunnel.events)).toEqual(['hub-draining']);
  });

  test('is not ended by a hub that drains while an attempt runs on a link that takes no others', async () => {
    const draining = new AbortController();
    const { tunnel, link, visitor, origin } = await underWay(4, {}, { draining: draining.signal });
    origin.stream.end();
    const second = await link.accept();
    tunnel.retire(link);
    draining.abort();
    second.answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('is not ended by a hub that drains when it has a link, and waits for the visitor only', async () => {
    const draining = new AbortController();
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward({}, { draining: draining.signal });
    visitor.isSlow = true;
    const origin = await link.accept();
    origin.answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    origin.stream.reset('origin-closed');
    await quiet(() => tunnel.events.length);
    draining.abort();
    visitor.isSlow = false;
    visitor.onDrain();
    (await link.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('is not begun for a visitor that takes nothing, and no byte piles up for him', async () => {
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward();
    visitor.isSlow = true;
    (await link.accept()).answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    tunnel.cut(link);
    const next = tunnel.connect();
    await quiet(() => next.streamCount);
    expect([next.streamCount, visitor.body]).toEqual([0, '0123']);
    visitor.isSlow = false;
    visitor.onDrain();
    (await next.accept()).answer(head206(4), '456789');
    await visitor.done();
    expect(visitor.body).toBe(film);
  });

  test('of a visitor that takes nothing for as long as one may ends', async () => {
    fakeDeadlines();
    const tunnel = new RestartingTunnel();
    const link = tunnel.connect();
    const visitor = tunnel.forward({}, {}, { idleTimeoutMs: 5000 });
    visitor.isSlow = true;
    (await link.accept()).answer(head200, '0123');
    await visitor.when(() => visitor.body === '0123');
    tunnel.cut(link);
    await quiet(() => tunnel.waitingCount);
    vi.advanceTimersByTime(5000);
    expect(visitor.outcome).toBe('destroyed');
  });

  test('leaves the listeners of the hub’s own signal as they were', async () => {
    const draining = new AbortController();
    const add = vi.spyOn(draining.signal, 'addEventListener');
    const remove = vi.spyOn(draining.signal, 'removeEventListener');
    const { tunnel, link, visitor } = await underWay(4, {}, { draining: draining.signal });
    tunnel.cut(link);
    (await tunnel.connect().accept()).answer(head206(4), '456789');
    await visitor.done();
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
  });
});

/** The streams need their immediates; only the deadlines are the test's to move. */
function fakeDeadlines(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}
