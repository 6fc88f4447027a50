// A hub's port and an authority that agents trust arrive; a proxy leaves that ends TLS in the hub's name and begins it anew.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';

import { issueLeaf, type IssuedPair } from '../../hub/certificates/issuance.ts';
import { hubHost } from './agents-door.ts';

export interface ReencryptingProxy {
  readonly port: number;
  close(): void;
}

/** What a company's proxy, a load balancer or a virus scanner does: each side has a TLS connection, and they are not the same. */
export async function openReencryptingProxy(
  authority: IssuedPair,
  hubPort: number,
): Promise<ReencryptingProxy> {
  const leaf = await issueLeaf(authority, [hubHost], new Date());
  const server = createServer({ cert: leaf.certificate, key: leaf.key }, (socket) => {
    const onward = connect({
      port: hubPort,
      host: '127.0.0.1',
      servername: hubHost,
      ca: authority.certificate,
    });
    socket.pipe(onward).pipe(socket);
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
