import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { connectToFirst } from './happy-eyeballs.ts';
import type { AddressFamily } from './resolve.ts';

describe('attempts', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('alternate between the families, 250 ms apart, and none is given up for the next', async () => {
    const race = start({ 6: ['a6', 'b6'], 4: ['a4', 'b4', 'c4'] });
    await flush();
    expect(race.opened()).toEqual(['a6']);
    await vi.advanceTimersByTimeAsync(249);
    expect(race.opened()).toEqual(['a6']);
    await vi.advanceTimersByTimeAsync(1);
    expect(race.opened()).toEqual(['a6', 'a4']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(race.opened()).toEqual(['a6', 'a4', 'b6', 'b4', 'c4']);
    expect(race.destroyed()).toEqual([]);
    race.succeed('a4');
    expect(await race.won()).toBe('a4');
    expect(race.destroyed()).toEqual(['a6', 'b6', 'b4', 'c4']);
  });

  test('that fail make room at once', async () => {
    const race = start({ 6: ['a6', 'b6'], 4: ['a4'] });
    await flush();
    race.fail('a6', 'ENETUNREACH');
    race.fail('a4', 'ECONNREFUSED');
    expect(race.opened()).toEqual(['a6', 'a4', 'b6']);
    race.fail('b6', 'ENETUNREACH');
    await expect(race.won()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(race.opened()).toEqual(['a6', 'a4', 'b6']);
  });

  test('of an early answer for IPv4 wait 50 ms for IPv6', async () => {
    const six = Promise.withResolvers<string[]>();
    const race = start({ 6: six.promise, 4: ['a4'] });
    await vi.advanceTimersByTimeAsync(49);
    expect(race.opened()).toEqual([]);
    six.resolve(['a6']);
    await flush();
    expect(race.opened()).toEqual(['a6']);
  });

  test('do not wait longer for a resolver that loses AAAA, and take its answer when it comes', async () => {
    const six = Promise.withResolvers<string[]>();
    const race = start({ 6: six.promise, 4: ['a4'] });
    await vi.advanceTimersByTimeAsync(50);
    expect(race.opened()).toEqual(['a4']);
    await vi.advanceTimersByTimeAsync(5000);
    six.resolve(['a6']);
    await flush();
    expect(race.opened()).toEqual(['a4', 'a6']);
  });

  test('end without a trace when the signal comes', async () => {
    const race = start({ 6: ['a6'], 4: ['a4', 'b4'] });
    await vi.advanceTimersByTimeAsync(300);
    race.abort();
    await expect(race.won()).rejects.toThrow('given up');
    expect(race.destroyed()).toEqual(['a6', 'a4']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(race.opened()).toEqual(['a6', 'a4']);
  });

  test('for a name without addresses fail with what the resolver said', async () => {
    const missing = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const race = start({ 6: Promise.reject(missing), 4: Promise.reject(missing) });
    await expect(race.won()).rejects.toBe(missing);
  });
});

test('a name of localhost reaches a server that listens on one family only', async () => {
  const { signal } = new AbortController();
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((socket) => socket.end()).listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = await connectToFirst({ hostname: 'hub.localhost', port, signal });
    expect(socket.remoteAddress).toBe(host);
    socket.destroy();
    server.close();
  }
});

test('the error of a server that is down is its own', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const { signal } = new AbortController();
  const attempt = connectToFirst({ hostname: 'localhost', port, signal });
  await expect(attempt).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

interface Attempt {
  readonly address: string;
  readonly socket: Socket;
}

function start(answers: Record<AddressFamily, string[] | Promise<string[]>>) {
  const attempts: Attempt[] = [];
  const stop = new AbortController();
  const winner = connectToFirst({
    hostname: 'hub.example',
    port: 8802,
    signal: stop.signal,
    resolve: async (_hostname, family) => answers[family],
    open: (address) => {
      const socket = new Socket();
      attempts.push({ address, socket });
      return socket;
    },
  });
  winner.catch(() => undefined);
  const find = (address: string): Socket | undefined =>
    attempts.find((attempt) => attempt.address === address)?.socket;
  return {
    opened: () => attempts.map(({ address }) => address),
    destroyed: () =>
      attempts.filter(({ socket }) => socket.destroyed).map(({ address }) => address),
    succeed: (address: string) => find(address)?.emit('connect'),
    fail: (address: string, code: string) =>
      find(address)?.emit('error', Object.assign(new Error(code), { code })),
    abort: () => stop.abort(new Error('given up')),
    won: async () => {
      const socket = await winner;
      return attempts.find((attempt) => attempt.socket === socket)?.address;
    },
  };
}

/** Answers of resolvers travel by promises. */
async function flush(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}
