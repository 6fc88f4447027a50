import { once } from 'node:events';
import { duplexPair, type Duplex } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  bytes,
  quiet,
  TestTunnel,
  visitorRequest,
  type ScriptedOrigin,
} from '../../test/support/exchanges.ts';
import { forwardUpgrade } from './upgrade.ts';
import { http1Upgrade } from './visitor-upgrade.ts';

const switched =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a=\r\n\r\n';

/** A visitor at one end of a raw connection, its handshake on the way. */
class UpgradingVisitor {
  readonly tunnel = new TestTunnel();
  readonly socket: Duplex;
  readonly hubSide: Duplex;
  received = '';
  hasEnded = false;

  constructor(options: { method?: string; firstBytes?: string; idleTimeoutMs?: number } = {}) {
    [this.socket, this.hubSide] = duplexPair();
    this.socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    this.socket.on('end', () => (this.hasEnded = true));
    const { method = 'GET', firstBytes = '', idleTimeoutMs = 600_000 } = options;
    const request = visitorRequest({
      method,
      target: '/socket',
      fields: ['sec-websocket-key', 'k==', 'sec-websocket-version', '13'],
    });
    const upgrade = http1Upgrade(this.hubSide, bytes(firstBytes));
    forwardUpgrade(request, upgrade, this.tunnel, { idleTimeoutMs });
  }

  async heard(text: string): Promise<void> {
    while (!this.received.includes(text)) await once(this.socket, 'data');
  }

  async joined(): Promise<ScriptedOrigin> {
    const origin = await this.tunnel.accept();
    await origin.heard('\r\n\r\n');
    origin.answer(switched);
    await this.heard('\r\n\r\n');
    return origin;
  }
}

afterEach(() => vi.useRealTimers());

describe('a WebSocket handshake', () => {
  test('reaches the origin rebuilt, and its 101 the visitor', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.joined();
    expect(origin.received).toMatch(/^GET \/socket HTTP\/1\.1\r\n/);
    expect(origin.received).toContain('\r\nsec-websocket-key: k==\r\n');
    expect(origin.received).toMatch(/\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n$/);
    expect(visitor.received).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: a=\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    );
  });

  test('never uses a stream that carried another exchange', async () => {
    const visitor = new UpgradingVisitor();
    await visitor.joined();
    expect(visitor.tunnel.opened).toBe(1);
  });

  test('is refused for any other method', async () => {
    const visitor = new UpgradingVisitor({ method: 'POST' });
    await visitor.heard('edge.bad-request');
    expect(visitor.received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(visitor.tunnel.opened).toBe(0);
  });

  test('that the origin declines gets the origin answer, whole, and the connection closes', async () => {
    const visitor = new UpgradingVisitor({ firstBytes: 'not to be sent' });
    const origin = await visitor.tunnel.accept();
    await origin.heard('\r\n\r\n');
    origin.answer(
      'HTTP/1.1 403 Forbidden\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    );
    await once(visitor.socket, 'end');
    expect(visitor.received).toBe(
      'HTTP/1.1 403 Forbidden\r\nx: y\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    );
    expect(origin.received).not.toContain('not to be sent');
  });

  test.each([
    ['a 101 to another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n'],
    ['a 101 to none', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['no HTTP', 'hello\r\n'],
  ])('that the origin answers with %s is a 502', async (_, wire) => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.tunnel.accept();
    origin.answer(wire);
    await visitor.heard('origin.bad-response');
    expect(visitor.received).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    expect(await origin.reset).toBe('cancelled');
  });

  test('whose tunnel breaks is a 502', async () => {
    const visitor = new UpgradingVisitor();
    await visitor.tunnel.accept();
    visitor.tunnel.pair.agent.session.destroy();
    await visitor.heard('tunnel.lost');
    expect(visitor.received).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
  });

  test('that the visitor abandons is told to the origin', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.tunnel.accept();
    await origin.heard('\r\n\r\n');
    visitor.hubSide.destroy();
    expect(await origin.reset).toBe('cancelled');
  });
});

describe('bytes before the 101', () => {
  test('wait for it, and arrive in order', async () => {
    const visitor = new UpgradingVisitor({ firstBytes: 'one ' });
    visitor.socket.write('two ');
    const origin = await visitor.tunnel.accept();
    await origin.heard('\r\n\r\n');
    expect(origin.received).not.toContain('one');
    origin.answer(`${switched}first frame`);
    await visitor.heard('first frame');
    visitor.socket.write('three');
    await origin.heard('one two three');
  });

  test('are bounded', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.tunnel.accept();
    let sent = 0;
    while (sent < 1 << 20) {
      sent += 16_384;
      if (!visitor.socket.write(Buffer.alloc(16_384, 'x'))) {
        const drained = once(visitor.socket, 'drain').then(() => true);
        const isStuck = new Promise<boolean>((resolve) =>
          setImmediate(() => setImmediate(() => resolve(false))),
        );
        if (!(await Promise.race([drained, isStuck]))) break;
      }
    }
    expect(sent).toBeLessThan(200_000);
    expect(origin.received).not.toContain('xx');
  });
});

describe('an answer in place of the 101', () => {
  test('closes the connection although the visitor has sent more than is held', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.tunnel.accept();
    for (let i = 0; i < 32; i++) visitor.socket.write(Buffer.alloc(16_384));
    await quiet(() => visitor.hubSide.readableLength);
    expect(visitor.hubSide.isPaused()).toBe(true);
    origin.answer('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    visitor.socket.end();
    await once(visitor.hubSide, 'close');
    expect(visitor.received).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  });

  test('closes the connection although the visitor never does', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const visitor = new UpgradingVisitor({ method: 'POST' });
    await visitor.heard('edge.bad-request');
    vi.advanceTimersByTime(4999);
    expect(visitor.hubSide.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(visitor.hubSide.destroyed).toBe(true);
  });
});

describe('a joined connection', () => {
  test('hands on the end of a visitor that ended before the 101', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.tunnel.accept();
    visitor.socket.end('last words');
    await once(visitor.hubSide, 'end');
    origin.answer(switched);
    while (!origin.hasEnded) await once(origin.stream, 'end');
    expect(origin.received).toMatch(/last words$/);
  });

  test('waits for an origin that does not read', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.joined();
    origin.stream.pause();
    let sent = 0;
    const fill = () => {
      while (sent < 8 << 20) {
        sent += 65_536;
        if (!visitor.socket.write(Buffer.alloc(65_536, 'x'))) return;
      }
    };
    visitor.socket.on('drain', fill);
    fill();
    await quiet(() => sent);
    expect(sent).toBeLessThan(4 << 20);
    origin.stream.resume();
    await expect.poll(() => origin.received.length).toBeGreaterThan(8 << 20);
  });

  test('carries bytes and half-closes both ways', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.joined();
    visitor.socket.end('bye');
    await origin.heard('bye');
    while (!origin.hasEnded) await once(origin.stream, 'end');
    origin.answer('and you');
    await visitor.heard('and you');
    origin.stream.end();
    while (!visitor.hasEnded) await once(visitor.socket, 'end');
    expect(visitor.received).toMatch(/and you$/);
  });

  test('is cut at the origin when the visitor vanishes', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.joined();
    visitor.hubSide.destroy();
    expect(await origin.reset).toBe('cancelled');
  });

  test.each(['the origin', 'the agent', 'the hub'])(
    'is cut at the visitor when %s vanishes',
    async (who) => {
      const visitor = new UpgradingVisitor();
      const origin = await visitor.joined();
      const closed = once(visitor.hubSide, 'close');
      if (who === 'the origin') origin.stream.reset('origin-closed');
      else visitor.tunnel.pair[who === 'the hub' ? 'hub' : 'agent'].session.destroy();
      await closed;
      expect(visitor.hubSide.destroyed).toBe(true);
    },
  );

  test('is cut at both ends after silence', async () => {
    const visitor = new UpgradingVisitor({ idleTimeoutMs: 100 });
    const origin = await visitor.joined();
    await once(visitor.hubSide, 'close');
    expect(await origin.reset).toBe('idle-timeout');
  });

  test('waits for the slower side', async () => {
    const visitor = new UpgradingVisitor();
    const origin = await visitor.joined();
    visitor.socket.pause();
    let sent = 0;
    const fill = () => {
      while (sent < 8 << 20) {
        sent += 65_536;
        if (!origin.stream.write(Buffer.alloc(65_536, 'y'))) return;
      }
    };
    origin.stream.on('drain', fill);
    fill();
    await quiet(() => sent);
    expect(sent).toBeLessThan(4 << 20);
    const before = visitor.received.length;
    visitor.socket.resume();
    while (visitor.received.length < before + (8 << 20)) await once(visitor.socket, 'data');
    expect(visitor.received.length).toBe(before + (8 << 20));
  });
});
