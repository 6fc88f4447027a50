// CONNECT requests arrive; what leaves is a tunnel to where the test wants it to end, or a refusal. A small HTTP proxy.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface ConnectProxyOptions {
  /** `user:password` that it insists on. */
  readonly credentials?: string;
  /** The status with which an authority is refused; undefined lets it through. */
  readonly refuse?: (authority: string) => number | undefined;
  /** PEM: the proxy itself speaks TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export interface ConnectProxy {
  readonly port: number;
  /** Authorities in the order they were asked for. */
  readonly asked: readonly string[];
  /** How many tunnels stand. */
  readonly tunnels: number;
  /** Drops every connection, and takes new ones. */
  cut(): void;
  stop(): void;
}

/** Every tunnel ends at 127.0.0.1, at the port that was asked for: the names of tests exist nowhere. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let tunnels = 0;
  const server: Server =
    options.certificate === undefined ? createServer() : createSecureServer(options.certificate);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const authority = request.url ?? '';
    asked.push(authority);
    client.on('error', () => undefined);
    const status = refusal(options, request);
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
      return;
    }
    const upstream = connect(Number(authority.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      tunnels += 1;
      client.pipe(upstream).pipe(client);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    upstream.once('close', () => client.destroy());
    client.once('close', () => {
      if (!upstream.connecting) tunnels -= 1;
      upstream.destroy();
    });
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get tunnels() {
      return tunnels;
    },
    cut,
    stop() {
      server.close();
      cut();
    },
  };
}

function refusal(options: ConnectProxyOptions, request: IncomingMessage): number | undefined {
  const { credentials, refuse } = options;
  if (credentials !== undefined) {
    const expected = `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (request.headers['proxy-authorization'] !== expected) return 407;
  }
  return refuse?.(request.url ?? '');
}
