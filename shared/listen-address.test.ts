import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';

import { bindEarly, listenOn, parseListenAddress } from './listen-address.ts';

it.each([
  [':443', { host: undefined, port: 443 }],
  [':0', { host: undefined, port: 0 }],
  [':65535', { host: undefined, port: 65_535 }],
  ['127.0.0.1:8443', { host: '127.0.0.1', port: 8443 }],
  ['[::]:443', { host: '::', port: 443 }],
  ['[::1]:8802', { host: '::1', port: 8802 }],
])('reads %s', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

it.each([
  '443',
  '',
  ':',
  ':65536',
  '::1:443',
  '[::1]',
  '[127.0.0.1]:443',
  '[]:443',
  'localhost:443',
  ':44 3',
  'x:443',
  ' :443',
  '[::1',
  '1.2.3:80',
])('refuses %j and shows how to write it', (text) => {
  expect(() => parseListenAddress(text)).toThrow(
    expect.objectContaining({
      code: 'listen.invalid',
      message: expect.stringContaining('write ":8443"') as string,
    }) as Error,
  );
});

it('listens there, on a free port when the port is 0, and says where', async () => {
  for (const [text, host] of [
    ['127.0.0.1:0', /^127\.0\.0\.1$/],
    [':0', /^(::|0\.0\.0\.0)$/],
  ] as const) {
    const server = createServer();
    onTestFinished(() => void server.close());
    const address = await listenOn(server, text);
    expect(address.address).toMatch(host);
    expect([server.listening, address.port > 0]).toEqual([true, true]);
    expect(server.listenerCount('error')).toBe(0);
  }
});

it('passes on why it cannot listen', async () => {
  const [first, second] = [createServer(), createServer()];
  onTestFinished(() => void first.close());
  const { port } = await listenOn(first, '127.0.0.1:0');
  await expect(listenOn(second, `127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('shares a port with whoever joins it, and takes none that somebody else shares', async () => {
  const [ours, joined, late, alone] = [
    createServer(),
    createServer(),
    createServer(),
    createServer(),
  ];
  onTestFinished(() => [ours, joined].forEach((server) => void server.close()));
  const { port } = await listenOn(ours, '127.0.0.1:0', 'sharable');
  const text = `127.0.0.1:${port}`;
  await expect(listenOn(joined, text, 'joining')).resolves.toMatchObject({ port });
  for (const [server, sharing] of [
    [late, 'sharable'],
    [alone, 'alone'],
  ] as const) {
    await expect(listenOn(server, text, sharing)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  }
});

it('shares nothing unless it is told to: nobody joins a port that is held alone', async () => {
  const [ours, joined] = [createServer(), createServer()];
  onTestFinished(() => void ours.close());
  const { port } = await listenOn(ours, '127.0.0.1:0');
  await expect(listenOn(joined, `127.0.0.1:${port}`, 'joining')).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

it('lets go of a free port that it asked for alone, and has it to share', async () => {
  const [first, second] = [createServer(), createServer()];
  const { port } = await listenOn(first, '127.0.0.1:0');
  await new Promise((resolve) => first.close(resolve));
  onTestFinished(() => void second.close());
  await expect(listenOn(second, `127.0.0.1:${port}`, 'sharable')).resolves.toMatchObject({ port });
});

it('takes a port on that was bound earlier, with whoever came meanwhile', async () => {
  const text = '127.0.0.1:0';
  await bindEarly(text);
  const [server, other] = [createServer(), createServer()];
  onTestFinished(() => [server, other].forEach((one) => void one.close()));
  const heard = new Promise<string>((resolve) => {
    server.on('connection', (socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes.toString());
        socket.end();
      });
      socket.resume();
    });
  });
  const bound = await listenOn(server, text);
  const socket = connect(bound.port, '127.0.0.1').end('hello');
  expect(await heard).toBe('hello');
  socket.destroy();
  expect((await listenOn(other, text)).port).not.toBe(bound.port);
});

it('loses nobody who came before his server', async () => {
  const probe = createServer();
  const { port } = await listenOn(probe, '127.0.0.1:0');
  await new Promise((resolve) => probe.close(resolve));
  const text = `127.0.0.1:${port}`;
  await bindEarly(text);
  const early = connect(port, '127.0.0.1');
  await once(early, 'connect');
  early.write('early');
  const server = createServer();
  onTestFinished(() => void server.close());
  const heard = new Promise<string>((resolve) => {
    server.on('connection', (socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes.toString());
        socket.destroy();
      });
      socket.resume();
    });
  });
  await listenOn(server, text);
  expect(await heard).toBe('early');
  early.destroy();
});
