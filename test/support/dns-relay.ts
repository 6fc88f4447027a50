// DNS messages arrive on a loopback address of their own; they leave for a server on a port of 127.0.0.1, and its answers return.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { listenOnBoth } from './dns-port.ts';

export interface DnsRelay {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** BIND listens on addresses that an interface names, and NS records carry no port: this joins the two. */
export async function startDnsRelay(
  host: string,
  port: number,
  serverPort: number,
): Promise<DnsRelay> {
  const sockets = new Set<Socket>();
  const tcp = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server).pipe(client);
  });
  const udp = createSocket('udp4');
  udp.on('message', (question, from) => {
    const upward = createSocket('udp4');
    const timer = setTimeout(() => upward.close(), 5000).unref();
    upward.on('error', () => undefined);
    upward.once('message', (answer) => {
      udp.send(answer, from.port, from.address);
      clearTimeout(timer);
      upward.close();
    });
    upward.send(question, serverPort, '127.0.0.1');
  });
  const place = { host, port: await listenOnBoth(tcp, udp, { host, port }) };
  return {
    ...place,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}
