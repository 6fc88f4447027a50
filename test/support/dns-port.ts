// A TCP server and a UDP socket arrive; both leave listening on one port of one address.

import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Server } from 'node:net';

/** Below the ports that the system gives to clients: the UDP port beside a free TCP port is often one of theirs. */
const lowest = 20_000;
const count = 12_000;
const attempts = 20;

/** Port 0: any on which both are free. Resolves with the port. */
export async function listenOnBoth(
  tcp: Server,
  udp: Socket,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const candidate = port === 0 ? lowest + Math.floor(Math.random() * count) : port;
    try {
      await once(tcp.listen(candidate, host), 'listening');
      // A socket that could not be bound is bound again at the next attempt.
      await once(udp.bind(candidate, host), 'listening');
      return candidate;
    } catch (error) {
      if (tcp.listening) await once(tcp.close(), 'close');
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || port !== 0 || attempt >= attempts) throw error;
    }
  }
}
