// A host name arrives; its addresses leave, asked for afresh at each attempt, with localhost names kept on this machine.

import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { lookup as lookupLater } from 'node:dns/promises';
import { isIP } from 'node:net';

/** True for `localhost`, everything below it (RFC 6761 §6.3) and loopback addresses. */
export function isLoopbackName(hostname: string): boolean {
  return isLocalhost(hostname) || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

export type AddressFamily = 4 | 6;

/** A or AAAA alone, so that neither waits for the other. @throws the resolver's error when there is none */
export async function addressesOf(hostname: string, family: AddressFamily): Promise<string[]> {
  const known = isIP(hostname);
  if (known !== 0) return known === family ? [hostname] : [];
  const found = isLocalhost(hostname)
    ? loopbackAddresses.filter((loopback) => loopback.family === family)
    : await lookupLater(hostname, { family, all: true });
  return found.map(({ address }) => address);
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** For `lookup` of net and tls. The system's resolver does not know names like `hub.localhost`; RFC 6761 says what they are. */
export function resolveAfresh(
  hostname: string,
  options: LookupOptions,
  callback: LookupCallback,
): void {
  if (!isLocalhost(hostname)) {
    lookup(hostname, options, callback);
    return;
  }
  const wanted = Number(options.family ?? 0);
  const addresses = loopbackAddresses.filter(({ family }) => wanted === 0 || wanted === family);
  process.nextTick(() => {
    if (options.all === true) callback(null, addresses);
    else callback(null, addresses[0]?.address ?? '127.0.0.1', addresses[0]?.family ?? 4);
  });
}

const loopbackAddresses: LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

function isLocalhost(hostname: string): boolean {
  return isIP(hostname) === 0 && /(^|\.)localhost\.?$/i.test(hostname);
}
