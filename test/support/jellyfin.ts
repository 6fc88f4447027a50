// Requests arrive as at a Jellyfin; it restarts for callers from loopback, as the real one does (jellyfin#16673), and says what it saw.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Jellyfin {
  readonly port: number;
  /** `POST /System/Restart`, in the order of arrival. */
  readonly seen: string[];
  stop(): Promise<void>;
}

export async function startJellyfin(): Promise<Jellyfin> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const path = new URL(request.url ?? '/', 'http://jellyfin').pathname.toLowerCase();
    const isLocal = request.socket.remoteAddress === '127.0.0.1';
    if (request.method === 'POST' && path === '/system/restart') {
      response.writeHead(isLocal ? 204 : 401).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
