// A listen setting arrives (":443", "127.0.0.1:8443", "[::1]:8802"); the host and port for net.Server.listen leave, or a server that listens there.

import {
  createServer,
  type AddressInfo,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';

import { CodedError } from './errors.ts';
import { parseAddress } from './net-address.ts';

export interface ListenAddress {
  /** Undefined: every address of the machine, IPv6 and IPv4. */
  readonly host: string | undefined;
  /** 0: any free port. */
  readonly port: number;
}

class ListenAddressError extends CodedError<'listen.invalid'> {}

/** @throws ListenAddressError listen.invalid */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const written = match?.[1] ?? match?.[2] ?? '';
  const host = written === '' ? undefined : parseAddress(written);
  const isBracketed = match?.[1] !== undefined;
  const isHostGood =
    host === undefined ? written === '' && !isBracketed : isBracketed === written.includes(':');
  if (!match || port > 65_535 || !isHostGood) {
    throw new ListenAddressError(
      'listen.invalid',
      `"${text}" is not an address to listen on; write ":8443", "127.0.0.1:8443" or "[::1]:8443"`,
    );
  }
  return { host, port };
}

/** As it is written in settings: `:443`, `127.0.0.1:443`, `[::1]:443`. */
export function listenText({ host, port }: ListenAddress): string {
  const written = host?.includes(':') ? `[${host}]` : (host ?? '');
  return `${written}:${port}`;
}

/**
 * Starts the server and says where it listens: the port is another one if it was 0.
 * @throws ListenAddressError listen.invalid, or the system's error of bind
 */
export async function listenOn(
  server: Server,
  text: string,
  sharing: PortSharing = 'alone',
): Promise<AddressInfo> {
  const early = boundEarly.get(text)?.shift();
  if (early !== undefined) return takeOn(server, early);
  const { host, port } = parseListenAddress(text);
  const place = { port, ...(host === undefined ? {} : { host }) };
  // With SO_REUSEPORT a port that another program holds by mistake would be shared with it in silence: ask for it alone first.
  if (sharing === 'sharable' && port !== 0) await tryAlone(place);
  await listening(server, { ...place, reusePort: sharing !== 'alone' });
  return server.address() as AddressInfo;
}

/** A port that is listened on, and who came before there was anybody to serve him. */
interface EarlyPort {
  readonly server: Server;
  readonly waiting: Socket[];
}

/** Of the process, as its privilege is: by the text of their addresses, each until a server takes it on. */
const boundEarly = new Map<string, EarlyPort[]>();

/**
 * Binds while the process has the privilege for it: the next `listenOn` of the same text takes the port on, and whoever came
 * meanwhile with it. Node has no bind without listen.
 * @throws as listenOn
 */
export async function bindEarly(text: string, sharing: PortSharing = 'alone'): Promise<void> {
  const waiting: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    waiting.push(socket.on('error', () => socket.destroy()));
  });
  await listenOn(server, text, sharing);
  const others = boundEarly.get(text) ?? [];
  boundEarly.set(text, [...others, { server, waiting }]);
}

async function takeOn(server: Server, early: EarlyPort): Promise<AddressInfo> {
  await listening(server, early.server);
  for (const socket of early.waiting) if (!socket.destroyed) server.emit('connection', socket);
  return server.address() as AddressInfo;
}

/** `sharable`: nobody else may have the port now, another process of this program may join later. `joining`: it does. */
export type PortSharing = 'alone' | 'sharable' | 'joining';

async function tryAlone(place: ListenOptions): Promise<void> {
  const server = createServer();
  await listening(server, place);
  await new Promise((resolve) => server.close(resolve));
}

async function listening(server: Server, options: ListenOptions | Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Both go with the first: a server may be asked to listen many times before it can.
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      reject(error);
    };
    server.once('error', onError).once('listening', onListening).listen(options);
  });
}
