// The ports one would like arrive; ports that are free on loopback leave, the same ones at the next run.

import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';

/** Both loopbacks: browsers and curl try `::1` first, and must not meet another program there. */
const loopbacks = ['127.0.0.1', '::1'];

/** The first of `wished` that this user may listen on and nobody else does, else any free one that is not among `others`. */
export async function choosePort(
  wished: readonly number[],
  others: readonly number[] = [],
): Promise<number> {
  for (const port of wished) {
    if (await isFree(port)) return port;
  }
  for (;;) {
    const port = await freePort();
    if (!others.includes(port) && (await isFree(port))) return port;
  }
}

/** Whether somebody accepts connections at this port of 127.0.0.1, or at the socket with this path. */
export async function isListening(at: number | string): Promise<boolean> {
  const socket = createConnection(
    typeof at === 'number' ? { host: '127.0.0.1', port: at } : { path: at },
  );
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isFree(port: number): Promise<boolean> {
  for (const host of loopbacks) {
    const failure = await tryToListen(host, port);
    // A machine without IPv6 has no second loopback to be taken.
    if (failure !== undefined && failure !== 'EADDRNOTAVAIL' && failure !== 'EAFNOSUPPORT') {
      return false;
    }
  }
  return true;
}

/** Undefined when it worked, else the error's code. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer().listen({ host, port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  server.close();
  await once(server, 'close');
  return undefined;
}
