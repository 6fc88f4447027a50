// The peer of a connection and its X-Forwarded-For lines arrive; the client's address leaves, or undefined when a trusted proxy did not say (security.md §1.6).

import { parseAddress, type CidrSet } from '../../shared/net-address.ts';

/**
 * Walks from the hub outwards over hops that are trusted; the first that is not is the client.
 * A hop that cannot be read ends the walk as "unknown": what stands left of it is the client's own writing.
 */
export function clientAddress(
  peer: string,
  forwardedFor: readonly string[],
  trustedProxies: CidrSet,
): string | undefined {
  if (!trustedProxies.has(peer)) return peer;
  // Proxies append to the last line or add a line of their own: together, in order, they are one list (RFC 9110 §5.3).
  const hops = forwardedFor.join(',').split(',');
  for (const hop of hops.toReversed()) {
    const address = hopAddress(hop.trim());
    if (address === undefined) return undefined;
    if (!trustedProxies.has(address)) return address;
  }
  return peer;
}

/** `192.0.2.7`, `192.0.2.7:5555`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`. */
function hopAddress(hop: string): string | undefined {
  const withPort = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::(\d{1,5}))?$/.exec(hop);
  if (withPort?.[1] !== undefined && !withPort[1].includes(':')) return undefined;
  if (Number(withPort?.[3] ?? 0) > 65_535) return undefined;
  return parseAddress(withPort?.[1] ?? withPort?.[2] ?? hop);
}
