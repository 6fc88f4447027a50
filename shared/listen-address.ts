// A listen setting arrives (":443", "127.0.0.1:8443", "[::1]:8802"); the host and port for net.Server.listen leave, or a server that listens there.

import type { AddressInfo, Server } from 'node:net';

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

/**
 * Starts the server and says where it listens: the port is another one if it was 0.
 * @throws ListenAddressError listen.invalid, or the system's error of bind
 */
export async function listenOn(server: Server, text: string): Promise<AddressInfo> {
  const { host, port } = parseListenAddress(text);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server.address() as AddressInfo;
}
