// Connections that never become requests, or take their time: each attack is how they waste the hub's.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { EndsTally, flood, pause, type Attack } from './attack.ts';
import { authority } from './http2.ts';
import { RawConnection } from './raw-connection.ts';
import type { Target } from './target.ts';

export const slowAttacks: Record<string, Attack> = {
  'half a handshake': async (target) => strangers(target, 200, await clientHello(target)),
  'ClientHello, a byte a second': async (target) => {
    const hello = await clientHello(target);
    return strangers(target, 200, hello.subarray(0, 1), (second) =>
      hello.subarray(second, second + 1),
    );
  },
  'TLS renegotiation': renegotiations,
  '10,000 connects': connects,
  'films read at a byte a second': (target) => slowReaders(target, 100),
  'uploads at a byte a second': (target) =>
    flood(target, {
      connections: 100,
      protocol: 'http/1.1',
      everyMs: 1000,
      opening: Buffer.from(
        `POST /upload HTTP/1.1\r\nHost: ${authority(target)}\r\nContent-Length: 1000000\r\n\r\n`,
      ),
      burst: () => Buffer.from('x'),
    }),
};

/** What a real client says first; recorded, since nobody answers it. */
async function clientHello({ serverName }: Target): Promise<Buffer> {
  const { createServer } = await import('node:net');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connectTls({ host: '127.0.0.1', port, servername: serverName });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** Plain connections that say something at first and then, perhaps, each second. */
async function strangers(
  target: Target,
  count: number,
  first: Buffer,
  more?: (second: number) => Buffer,
) {
  const tally = new EndsTally();
  const sockets = Array.from({ length: count }, () => plainSocket(target, tally, first));
  for (let second = 1; second <= target.seconds; second += 1) {
    await pause(1000);
    if (more === undefined) continue;
    for (const { socket } of sockets) if (!socket.destroyed) socket.write(more(second));
  }
  for (const stranger of sockets) stranger.leave();
  return tally.ends;
}

function plainSocket({ port }: Target, tally: EndsTally, first: Buffer) {
  const socket = connect({ host: '127.0.0.1', port });
  let isOver = false;
  const over = (how: string): void => {
    if (!isOver) tally.add(how);
    isOver = true;
    socket.destroy();
  };
  socket.on('error', (error: NodeJS.ErrnoException) =>
    over(error.code === 'ECONNRESET' ? 'reset' : (error.code ?? error.message)),
  );
  socket.on('close', () => over('closed'));
  socket.on('end', () => over('closed'));
  socket.resume();
  socket.write(first);
  return { socket, leave: () => over('left by us') };
}

/** TLS 1.2, the last one that has it: ten times on each connection. */
async function renegotiations(target: Target) {
  const tally = new EndsTally();
  const deadline = performance.now() + target.seconds * 1000;
  const attacker = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const connection = await RawConnection.open(target, {
        protocol: 'http/1.1',
        maxVersion: 'TLSv1.2',
      });
      for (let times = 0; times < 10 && connection.ending === undefined; times += 1) {
        const renegotiated = new Promise<string>((resolve) => {
          const isAsked = connection.socket.renegotiate({ rejectUnauthorized: false }, (error) =>
            resolve(error === null ? 'done' : 'refused'),
          );
          if (!isAsked) resolve('refused');
        });
        const how = await Promise.race([renegotiated, connection.over(1000).then(() => 'ignored')]);
        tally.add(`renegotiation ${how}`);
        if (how !== 'done') break;
      }
      tally.add(connection.leave());
      await pause(50);
    }
  };
  await Promise.all(Array.from({ length: 4 }, attacker));
  return tally.ends;
}

/** One after the other on each of 64 places, and nothing said on any. */
async function connects(target: Target) {
  const tally = new EndsTally();
  let left = 10_000;
  const deadline = performance.now() + target.seconds * 1000;
  const attacker = async (): Promise<void> => {
    while (left > 0 && performance.now() < deadline) {
      left -= 1;
      const socket = connect({ host: '127.0.0.1', port: target.port });
      socket.on('error', () => undefined);
      const [how] = await Promise.race([
        once(socket, 'connect').then(() => ['connected and left']),
        once(socket, 'close').then(() => ['refused']),
      ]);
      tally.add(how ?? 'refused');
      socket.resetAndDestroy();
    }
  };
  await Promise.all(Array.from({ length: 64 }, attacker));
  return tally.ends;
}

/** Opens its window by a byte each second: HTTP/2 lets a visitor do so exactly. */
async function slowReaders(target: Target, count: number) {
  const { frame, frameType, headersFrame } = await import('../../support/http2-frames.ts');
  const head = {
    ':method': 'GET',
    ':scheme': 'https',
    ':path': '/big',
    ':authority': authority(target),
  };
  const one = Buffer.from([0, 0, 0, 1]);
  return flood(target, {
    connections: count,
    everyMs: 1000,
    opening: Buffer.concat([
      frame(frameType.settings, 0, 0, Buffer.from('000400000001', 'hex')),
      headersFrame(1, head, 5),
    ]),
    burst: () => frame(8, 0, 1, one),
  });
}
