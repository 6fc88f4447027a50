// A canonical address arrives; whether everybody can reach it, a private network can, or no request of ours should leaves (rows ).

import { CidrSet, parseNetwork } from '../../shared/net-address.ts';

/** `closed`: this link, metadata services, transition ranges that stand for another address, and what nobody has. */
export type Reach = 'public' | 'private' | 'closed';

/** Takes what parseAddress gives: a mapped address is its IPv4 address there. */
export function reachOf(address: string): Reach {
  if (closed.has(address)) return 'closed';
  if (home.has(address)) return 'private';
  // RFC 4291 §2.4: only 2000::/3 is given out for global unicast; all else is reserved or has a meaning of its own.
  if (address.includes(':') && !globalUnicast.has(address)) return 'closed';
  return 'public';
}

/** From the IANA registries of special-purpose addresses (RFC 6890), July 2025, and the clouds' manuals. */
const closed = setOf(
  '0.0.0.0/8', // "this network"; Linux takes 0.0.0.0 for itself
  '169.254.0.0/16', // link-local, and nearly every cloud's metadata
  '100.100.100.200/32', // Alibaba Cloud's metadata, within the carriers' range
  '168.63.129.16/32', // Azure's platform, a public address that only its own machines reach
  '192.0.0.0/24', // IETF protocols; Oracle Cloud's metadata is .192
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
  'fd00:ec2::254/128', // AWS metadata over IPv6, within the private range
  '2001::/23', // IETF protocols: Teredo carries an IPv4 address, ORCHID is no address
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4 carries an IPv4 address
  '3fff::/20', // documentation
);

const home = setOf(
  '10.0.0.0/8',
  '100.64.0.0/10', // carriers' NAT (RFC 6598), and what Tailscale gives out
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
);

/** NAT64 (64:ff9b::/96, 64:ff9b:1::/48), link-local, multicast, site-local and IPv4-compatible lie outside. */
const globalUnicast = setOf('2000::/3');

function setOf(...networks: readonly string[]): CidrSet {
  return new CidrSet(networks.map(parseNetwork));
}
