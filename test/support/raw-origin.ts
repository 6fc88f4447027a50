// Paths with what to write for them arrive; an origin leaves that answers byte by byte as told, rules of HTTP or not.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** The bytes of a whole answer, or what to do with the connection. */
type RawAnswer = string | Buffer | ((socket: Socket, head: string) => void);

export interface RawOrigin {
  readonly port: number;
  stop(): Promise<void>;
}

const headEnd = '\r\n\r\n';

/** One answer per connection; after bytes it ends the connection, after a function the function decides. */
export async function startRawOrigin(
  answers: Readonly<Record<string, RawAnswer>>,
): Promise<RawOrigin> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    let asked = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      asked = Buffer.concat([asked, chunk]);
      const end = asked.indexOf(headEnd);
      if (end < 0) return;
      socket.off('data', read);
      socket.pause();
      socket.unshift(asked.subarray(end + headEnd.length));
      answer(answers, socket, asked.toString('latin1', 0, end));
    };
    socket.on('data', read);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A whole answer of status 200 with these field lines and a Content-Length. */
export function okAnswer(lines: readonly string[], body: Buffer): Buffer {
  const head = ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, 'Connection: close'];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}${headEnd}`, 'latin1'), body]);
}

function answer(answers: Readonly<Record<string, RawAnswer>>, socket: Socket, head: string): void {
  const [, path = ''] = head.split(' ', 2);
  const wanted = answers[path] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
  if (typeof wanted === 'function') {
    wanted(socket, head);
    return;
  }
  socket.resume();
  socket.end(wanted);
}
