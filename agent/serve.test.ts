import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createServer as createTlsServer } from 'node:tls';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { createLogger, type Logger } from '../shared/log.ts';
import type { MuxStream } from '../shared/mux/stream.ts';
import { initialStreamWindowBytes } from '../shared/wire/limits.ts';
import { encodeOpening } from '../shared/wire/opening.ts';
import { selfSigned } from '../test/support/self-signed.ts';
import { readAll, sessionPair } from '../test/support/sessions.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { transportKinds } from '../test/support/transports.ts';
import type { OriginAddress } from './origin-address.ts';
import { Origin } from './origin.ts';
import { serve } from './serve.ts';
import { SlabPool } from './slabs.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Bench {
  open(): MuxStream;
  /** The next connection that the origin accepts. */
  accepted(): Promise<Socket>;
  loseLink(): void;
  readonly origin: Origin;
  readonly logged: { level: string; msg: string; remedy?: string }[];
  stopOrigin(): Promise<void>;
  startOrigin(): Promise<void>;
}

type Kind = OriginAddress['kind'];

/** A hub's session, an agent's session that serves, and an origin on a real socket. */
async function bench(kind: Kind = 'tcp'): Promise<Bench> {
  const { server, place, address } = await makeServer(kind);
  const makePair = transportKinds['ws'];
  if (makePair === undefined) throw new Error('no WebSocket transport');
  const transports = await makePair();
  const { log, logged } = recording();
  const origin = new Origin(address, log);
  const slabs = new SlabPool();
  const { hub } = sessionPair(transports, {
    onStream: (stream) => serve(stream, origin, slabs),
  });
  closers.push(
    () => stop(server),
    () => transports.close(),
  );
  const accepting = kind === 'tls' ? 'secureConnection' : 'connection';
  return {
    open: () => hub.session.openStream(),
    accepted: async () => ((await once(server, accepting)) as [Socket])[0],
    loseLink: () => hub.session.destroy(),
    origin,
    logged,
    stopOrigin: () => stop(server),
    startOrigin: () => listen(server, place()),
  };
}

function recording(): { log: Logger; logged: Bench['logged'] } {
  const logged: Bench['logged'] = [];
  const log = createLogger(
    { level: 'debug', name: 'test' },
    { write: (line) => void logged.push(JSON.parse(line) as Bench['logged'][number]) },
  );
  return { log, logged };
}

interface Made {
  readonly server: Server;
  /** Where it listened before. */
  readonly place: () => string | { port: number; host: string };
  readonly address: OriginAddress;
}

async function makeServer(kind: Kind): Promise<Made> {
  const protocol = 'http/1.1';
  if (kind === 'unix') {
    const path = join(temporaryFolder('origin').path, 'server.sock');
    const server = createServer({ allowHalfOpen: true });
    await listen(server, path);
    return { server, place: () => path, address: { kind, path, protocol, url: `unix:${path}` } };
  }
  const { key, cert } = await selfSigned('nas.localhost');
  const server =
    kind === 'tls'
      ? createTlsServer({ key, cert, allowHalfOpen: true })
      : createServer({ allowHalfOpen: true });
  await listen(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as AddressInfo;
  const place = () => ({ port, host: '127.0.0.1' });
  if (kind === 'tcp') {
    const url = `http://127.0.0.1:${port}`;
    return { server, place, address: { kind, hostname: '127.0.0.1', port, protocol, url } };
  }
  const hostname = 'nas.localhost';
  const trust = { authorities: [cert] };
  const url = `https://${hostname}:${port}`;
  return { server, place, address: { kind, hostname, port, protocol, trust, url } };
}

async function listen(server: Server, place: string | object): Promise<void> {
  server.listen(place);
  await once(server, 'listening');
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}

async function connected(made: Bench): Promise<{ stream: MuxStream; origin: Socket }> {
  const accepted = made.accepted();
  const stream = made.open();
  stream.on('error', () => undefined);
  const origin = await accepted;
  origin.on('error', () => undefined);
  closers.push(() => origin.destroy());
  return { stream, origin };
}

async function hashOf(from: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of from) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

describe.each(['tcp', 'unix', 'tls'] as const)('an origin over %s', (kind) => {
  test('64 MB cross in each direction without a wrong byte', async () => {
    const { stream, origin } = await connected(await bench(kind));
    const block = randomBytes(1_000_003);
    const blocks = 64;
    const expected = createHash('sha256');
    for (let index = 0; index < blocks; index += 1) expected.update(block);
    const digest = expected.digest('hex');
    const source = () => Readable.from(Array.from({ length: blocks }, () => block));
    const [, , up, down] = await Promise.all([
      pipeline(source(), stream, { end: true }),
      pipeline(source(), origin, { end: true }),
      hashOf(origin),
      hashOf(stream),
    ]);
    expect(up).toBe(digest);
    expect(down).toBe(digest);
  }, 60_000);

  test('a request that has ended still gets its answer', async () => {
    const { stream, origin } = await connected(await bench(kind));
    stream.end('request');
    expect((await readAll(origin)).toString()).toBe('request');
    origin.end('answer');
    expect((await readAll(stream)).toString()).toBe('answer');
  });

  test('an answer that has ended still takes the rest of the request', async () => {
    const { stream, origin } = await connected(await bench(kind));
    origin.end('early answer');
    expect((await readAll(stream)).toString()).toBe('early answer');
    stream.end('late request');
    expect((await readAll(origin)).toString()).toBe('late request');
  });

  test('a reader that stops holds the origin back, and reads everything when it goes on', async () => {
    const { stream, origin } = await connected(await bench(kind));
    const total = 32 * 1024 * 1024;
    const digest = createHash('sha256');
    let written = 0;
    const fill = (): void => {
      while (written < total) {
        const block = randomBytes(64 * 1024);
        digest.update(block);
        written += block.length;
        if (!origin.write(block)) return;
      }
      origin.end();
    };
    origin.on('drain', fill);
    fill();
    // It has stopped when a quarter of a second brings nothing more.
    let former = -1;
    await vi.waitFor(
      () => {
        const isStill = former === written;
        former = written;
        expect(isStill).toBe(true);
      },
      { interval: 250, timeout: 10_000 },
    );
    // What left the origin is in the window, two slabs, and the kernel's buffers of two sockets (up to 6 MiB each on Linux).
    expect(written).toBeLessThan(total / 2);
    expect(stream.readableLength).toBeLessThanOrEqual(initialStreamWindowBytes);
    expect(await hashOf(stream)).toBe(digest.digest('hex'));
  });

  test('answers of every size up to two slabs arrive whole', async () => {
    const made = await bench(kind);
    for (let round = 0; round < 130; round += 1) {
      const { stream, origin } = await connected(made);
      origin.end('x'.repeat(round * 1009));
      expect(await readAll(stream)).toHaveLength(round * 1009);
      stream.end();
    }
    expect(made.origin.state).toBe('answering');
  });

  test('an abort by the hub ends the connection at the origin', async () => {
    const { stream, origin } = await connected(await bench(kind));
    stream.write('half a requ');
    await once(origin, 'data');
    const closed = new Promise((resolve) => origin.once('close', resolve));
    stream.reset('cancelled');
    // Of these three only TCP has a reset; over the others the origin finds out when it answers.
    const answering = setInterval(() => origin.write('an answer nobody waits for'), 10);
    await closed;
    clearInterval(answering);
    expect(origin.destroyed).toBe(true);
  });

  test('nobody at the origin resets the stream, and the origin may come back', async () => {
    const made = await bench(kind);
    await made.stopOrigin();
    const [error] = (await once(made.open(), 'error')) as unknown[];
    expect(error).toMatchObject({ code: 'stream.reset', reason: 'origin-unreachable' });
    expect(made.logged[0]?.remedy).toContain('start your media server or set PHLIX_ORIGIN_URL');
    await made.startOrigin();
    await connected(made);
    await vi.waitFor(() => expect(made.origin.state).toBe('answering'));
  });
});

test('an abort by the hub cuts the connection at the origin', async () => {
  const { stream, origin } = await connected(await bench());
  stream.write('half a requ');
  await once(origin, 'data');
  const failed = once(origin, 'error');
  stream.reset('cancelled');
  expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
});

test('an abort by the origin resets the stream', async () => {
  const { stream, origin } = await connected(await bench());
  stream.write('request');
  await once(origin, 'data');
  const failed = once(stream, 'error');
  origin.resetAndDestroy();
  expect((await failed)[0]).toMatchObject({ code: 'stream.reset', reason: 'origin-closed' });
});

test('a lost link cuts every connection at the origin', async () => {
  const made = await bench();
  const { origin } = await connected(made);
  const failed = once(origin.resume(), 'error');
  made.loseLink();
  expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
});

test('an abort in the moment the request ends still closes the connection to the origin', async () => {
  const made = await bench();
  const connect = vi.spyOn(made.origin, 'connect');
  const stream = Object.assign(new Duplex({ read: () => undefined }), {
    reset: () => undefined,
    writeSlab: () => undefined,
  });
  const accepted = made.accepted();
  serve(stream, made.origin, new SlabPool());
  const origin = await accepted;
  closers.push(() => origin.destroy());
  const socket = connect.mock.results[0]?.value as Socket;
  if (socket.connecting) await once(socket, 'connect');
  stream.push(null);
  // After pipe's own listener: the socket is shutting down, and libuv resets none that is.
  stream.once('end', () => stream.destroy());
  await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  expect(socket.destroyed).toBe(true);
});

test('nobody at the origin resets the stream and is told once, with the remedy', async () => {
  const made = await bench();
  await made.stopOrigin();
  for (let visitor = 0; visitor < 3; visitor += 1) {
    const stream = made.open();
    const [error] = (await once(stream, 'error')) as unknown[];
    expect(error).toMatchObject({ code: 'stream.reset', reason: 'origin-unreachable' });
  }
  expect(made.origin.state).toBe('unreachable');
  expect(made.logged).toHaveLength(1);
  expect(made.logged[0]).toMatchObject({
    level: 'warn',
    remedy: `nothing answers on ${made.origin.url}: start your media server or set PHLIX_ORIGIN_URL`,
  });
  await made.startOrigin();
  await connected(made);
  await vi.waitFor(() => expect(made.logged).toHaveLength(2));
  expect(made.logged[1]).toMatchObject({ level: 'info', msg: 'origin answers again' });
});

test('an owner who asked for it gets the visitor’s address in front of the first byte', async () => {
  const { server, address } = await makeServer('tcp');
  const { log } = recording();
  const origin = new Origin({ ...address, sendsProxyHeader: true }, log);
  const makePair = transportKinds['ws'];
  const transports = await makePair?.();
  if (transports === undefined) throw new Error('no WebSocket transport');
  const { hub } = sessionPair(transports, {
    onStream: (stream, opening) => serve(stream, origin, new SlabPool(), opening),
  });
  closers.push(
    () => stop(server),
    () => transports.close(),
  );
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const stream = hub.session.openStream(encodeOpening({ clientAddress: '203.0.113.9' }));
  stream.on('error', () => undefined);
  stream.end('GET /');
  const [socket] = await accepted;
  closers.push(() => socket.destroy());
  const received = await readAll(socket);
  expect(received.toString('hex')).toBe(
    `0d0a0d0a000d0a515549540a2111000ccb007109${'0'.repeat(16)}${Buffer.from('GET /').toString('hex')}`,
  );
});

test('bytes on the stream choose no address: they only ever reach the configured origin', async () => {
  const { stream, origin } = await connected(await bench());
  const hostile = 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n';
  stream.end(hostile);
  expect((await readAll(origin)).toString()).toBe(hostile);
});
