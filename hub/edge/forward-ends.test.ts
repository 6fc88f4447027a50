import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TestTunnel, withBody } from '../../test/support/exchanges.ts';
import type { RecordingVisitor } from '../../test/support/exchanges.ts';
import type { ResetReason } from '../../shared/wire/codes.ts';
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

describe('when somebody vanishes', () => {
  test.each(['before the head', 'in the body'])(
    'the visitor, %s: the origin hears of it',
    async (when) => {
      const tunnel = new TestTunnel();
      const visitor = tunnel.forward();
      const origin = await tunnel.accept();
      if (when === 'in the body') {
        origin.answer(`${ok}Content-Length: 9\r\n\r\nhello`);
        await visitor.when(() => visitor.body === 'hello');
      }
      visitor.onAborted();
      expect(await origin.reset).toBe('cancelled');
      expect(visitor.outcome).toBeUndefined();
    },
  );

  test.each<[ResetReason, number, EdgeFailureCode]>([
    ['origin-unreachable', 502, 'origin.unreachable'],
    ['origin-untrusted', 502, 'origin.untrusted'],
    ['origin-timeout', 504, 'origin.timeout'],
    ['origin-closed', 502, 'origin.closed'],
    ['idle-timeout', 504, 'origin.timeout'],
    ['refused', 503, 'edge.busy'],
    ['cancelled', 502, 'origin.closed'],
    ['internal', 502, 'tunnel.lost'],
  ])('the origin, before the head, as %s: %d %s', async (reason, status, code) => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward();
    (await tunnel.accept()).stream.reset(reason);
    await visitor.done();
    expect([visitor.status, visitor.code]).toEqual([status, code]);
  });

  test('the origin, without a word: 502 origin.closed', async () => {
    const visitor = await answered([], true);
    expect([visitor.status, visitor.code]).toEqual([502, 'origin.closed']);
  });

  test('the origin, in the body: the answer is cut', async () => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward();
    const origin = await tunnel.accept();
    origin.answer(`${ok}\r\nhello`);
    await visitor.when(() => visitor.body === 'hello');
    origin.stream.reset('origin-closed');
    await visitor.done();
    expect(visitor.outcome).toBe('destroyed');
  });

  test('the link, before the head: 502 tunnel.lost', async () => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward();
    await tunnel.accept();
    tunnel.pair.agent.session.destroy();
    await visitor.done();
    expect([visitor.status, visitor.code]).toEqual([502, 'tunnel.lost']);
  });

  test.each(['agent', 'hub'] as const)('the %s, in the body: the answer is cut', async (end) => {
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward();
    const origin = await tunnel.accept();
    origin.answer(`${ok}\r\nhello`);
    await visitor.when(() => visitor.body === 'hello');
    tunnel.pair[end].session.destroy();
    await visitor.done();
    expect(visitor.outcome).toBe('destroyed');
  });

  test('the tunnel, before the request: 503 edge.busy, and the failure is told once', async () => {
    const tunnel = new TestTunnel();
    tunnel.pair.hub.session.destroy();
    const told: EdgeFailureCode[] = [];
    const onFailure = (_: unknown, code: EdgeFailureCode) => void told.push(code);
    const visitor = tunnel.forward({}, { idleTimeoutMs: 1000, onFailure });
    expect([visitor.status, visitor.code, told]).toEqual([503, 'edge.busy', ['edge.busy']]);
  });
});

describe('silence', () => {
  const idleTimeoutMs = 1000;
  afterEach(() => vi.useRealTimers());

  test('before the head is a 504', async () => {
    fakeDeadlines();
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward({}, { idleTimeoutMs });
    const origin = await tunnel.accept();
    vi.advanceTimersByTime(idleTimeoutMs);
    expect([visitor.status, visitor.code]).toEqual([504, 'origin.timeout']);
    expect(await origin.reset).toBe('cancelled');
  });

  test('in the body cuts the answer, but never before its time: every byte down starts it anew', async () => {
    fakeDeadlines();
    const tunnel = new TestTunnel();
    const visitor = tunnel.forward({}, { idleTimeoutMs });
    const origin = await tunnel.accept();
    origin.answer(`${ok}Content-Length: 9\r\n\r\n`);
    for (let sent = 1; sent <= 5; sent++) {
      origin.answer('x');
      await visitor.when(() => visitor.body.length === sent);
      vi.advanceTimersByTime(idleTimeoutMs - 1);
    }
    expect(visitor.outcome).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(visitor.outcome).toBe('destroyed');
  });

  test('is not what an upload is: every byte up starts the time anew', async () => {
    fakeDeadlines();
    const tunnel = new TestTunnel();
    const source = new PassThrough();
    const visitor = tunnel.forward(withBody(source), { idleTimeoutMs });
    const origin = await tunnel.accept();
    for (let sent = 1; sent <= 5; sent++) {
      source.write('x');
      await origin.heard(new RegExp(`(1\r\nx\r\n){${sent}}`));
      vi.advanceTimersByTime(idleTimeoutMs - 1);
    }
    expect(visitor.outcome).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(visitor.code).toBe('origin.timeout');
  });

  test('is what an upload of known length is that brings next to nothing; enough starts the time anew', async () => {
    fakeDeadlines();
    const tunnel = new TestTunnel();
    const source = new PassThrough();
    const options = { idleTimeoutMs, slowBodyBytes: 10 };
    const visitor = tunnel.forward(withBody(source, 1000), options);
    const origin = await tunnel.accept();
    const bring = async (piece: string): Promise<void> => {
      const length = origin.received.length + piece.length;
      source.write(piece);
      while (origin.received.length < length) await once(origin.stream, 'data');
      vi.advanceTimersByTime(idleTimeoutMs / 2);
    };
    await origin.heard('\r\n\r\n');
    for (let times = 0; times < 5; times += 1) await bring('x'.repeat(10));
    expect(visitor.outcome).toBeUndefined();
    await bring('x');
    expect(visitor.code).toBe('origin.timeout');
  });

  test('does not outlive its exchange', async () => {
    fakeDeadlines();
    const tunnel = new TestTunnel();
    const before = vi.getTimerCount();
    await tunnel.warm();
    // What is left is the sweep of the pool.
    expect(vi.getTimerCount()).toBe(before + 1);
  });
});

/** The streams need their immediates; only the deadlines are the test's to move. */
function fakeDeadlines(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}
