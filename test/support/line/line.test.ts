import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { contentBytes, contentHash, contentStream, measure } from '../content.ts';
import { Line } from './line.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function listen(serve: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function openLine(options: Parameters<typeof Line.open>[0]): Promise<Line> {
  const line = await Line.open(options);
  open.push(line);
  return line;
}

test('carries both directions whole, and the end of one while the other goes on', async () => {
  const size = 3_000_000;
  const target = await listen((socket) => {
    void measure(socket).then(({ sha256 }) => socket.end(sha256));
  });
  const line = await openLine({ target, delayMs: 5, bytesPerSecond: 30_000_000 });
  const socket = connect({ port: line.port, host: '127.0.0.1', allowHalfOpen: true });
  contentStream('up', 0, size).pipe(socket);
  const [reply] = (await once(socket, 'data')) as [Buffer];
  expect(reply.toString()).toBe(contentHash('up', 0, size));
  expect(line.carried.up).toBe(size);
});

test('a round trip takes twice the delay', async () => {
  const target = await listen((socket) => socket.pipe(socket));
  const line = await openLine({ target, delayMs: 30 });
  const socket = connect(line.port, '127.0.0.1');
  await once(socket, 'connect');
  const began = performance.now();
  socket.write('ping');
  await once(socket, 'data');
  const tookMs = performance.now() - began;
  expect(tookMs).toBeGreaterThan(58);
  expect(tookMs).toBeLessThan(1000);
  socket.destroy();
});

test('two connections together get the rate of the line, and no more', async () => {
  const size = 500_000;
  const rate = 2_000_000;
  const target = await listen((socket) => void contentStream('down', 0, size).pipe(socket));
  const line = await openLine({ target, delayMs: 10, bytesPerSecond: rate });
  const began = performance.now();
  const bodies = [1, 2].map(() => measure(connect(line.port, '127.0.0.1')));
  for (const body of await Promise.all(bodies)) {
    expect(body).toEqual({ bytes: size, sha256: contentHash('down', 0, size) });
  }
  const expectedMs = ((2 * size) / rate) * 1000;
  expect(performance.now() - began).toBeGreaterThan(expectedMs * 0.95);
  expect(performance.now() - began).toBeLessThan(expectedMs * 2 + 500);
});

test('a receiver that stops reading stops the sender, in bounded memory', async () => {
  const size = 64 * 1024 * 1024;
  let sentBytes = 0;
  const target = await listen((socket) => {
    const body = contentStream('flood', 0, size);
    body.on('data', (chunk: Buffer) => (sentBytes += chunk.length));
    body.pipe(socket);
  });
  const line = await openLine({ target, bytesPerSecond: 200_000_000 });
  const socket = connect(line.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  // Still for 300 ms means stopped: the line would carry 60 MB in that time.
  let before = -1;
  while (before !== sentBytes) {
    before = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(sentBytes).toBeLessThan(size / 2);
  socket.destroy();
});

test('a silent line delivers nothing and tells nobody, and goes on where it stopped', async () => {
  const target = await listen((socket) => socket.pipe(socket));
  const line = await openLine({ target });
  const socket = connect(line.port, '127.0.0.1');
  socket.write('a');
  await once(socket, 'data');
  line.silence();
  let isTold = false;
  socket.on('data', () => (isTold = true)).on('close', () => (isTold = true));
  const sent = contentBytes('silence', 0, 1000);
  socket.write(sent);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(isTold).toBe(false);
  line.restore();
  const [back] = (await once(socket, 'data')) as [Buffer];
  expect(back.equals(sent)).toBe(true);
  socket.destroy();
});

test('a cut resets both ends', async () => {
  const ends: Promise<unknown>[] = [];
  const target = await listen((socket) => ends.push(once(socket, 'error')));
  const line = await openLine({ target });
  const socket = connect(line.port, '127.0.0.1');
  await once(socket, 'connect');
  while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
  ends.push(once(socket, 'error'));
  line.cut();
  const errors = (await Promise.all(ends)) as [NodeJS.ErrnoException][];
  expect(errors.map(([error]) => error.code)).toEqual(['ECONNRESET', 'ECONNRESET']);
});
