// Text that claims to be an address or a network arrives (settings, sockets, forwarding fields); one canonical form leaves, or a refusal (security.md row E-20).

import { BlockList, isIP, SocketAddress } from 'node:net';

import { CodedError } from './errors.ts';

/**
 * What an origin is told of a client whom no proxy named. Told nothing it takes him for the agent, who is at home and may do what
 * others may not; an address that no device ever has (RFC 7600) is nobody's guess and nobody's home.
 */
export const nobodysAddress = '192.0.0.8';

export type NetAddressErrorCode = 'net.address-invalid' | 'net.prefix-invalid' | 'net.host-bits';

/** The message names the offending text and what to write instead. */
export class NetAddressError extends CodedError<NetAddressErrorCode> {}

export interface Network {
  readonly family: 'ipv4' | 'ipv6';
  /** Canonical, host bits zero. */
  readonly address: string;
  readonly prefix: number;
}

/**
 * Canonical text of an IP address: RFC 5952 for IPv6, and IPv4 for an IPv4-mapped address, so that one
 * client has one spelling. Undefined for all else: zone ids, octal, short and integer forms, brackets, ports.
 */
export function parseAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  if (version === 0 || text.includes('%')) return undefined;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = mappedIpv4(bytesOf(address));
  return mapped ?? address;
}

/**
 * A network such as `10.0.0.0/8`; a bare address is the network of itself.
 * @throws NetAddressError net.address-invalid | net.prefix-invalid | net.host-bits
 */
export function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  const written = slash < 0 ? text : text.slice(0, slash);
  const address = parseAddress(written);
  if (address === undefined) {
    throw new NetAddressError(
      'net.address-invalid',
      `"${text}" is not an IP address or network; write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32`,
    );
  }
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const isMapped = family === 'ipv4' && written.includes(':');
  const bits = family === 'ipv4' ? 32 : 128;
  if (slash < 0) return { family, address, prefix: bits };

  const digits = text.slice(slash + 1);
  const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) - (isMapped ? 96 : 0) : -1;
  if (prefix < 0 || prefix > bits) {
    throw new NetAddressError(
      'net.prefix-invalid',
      `"${text}": the prefix must be a number from ${isMapped ? 96 : 0} to ${isMapped ? 128 : bits}`,
    );
  }
  const masked = textOf(maskedBytes(bytesOf(address), prefix));
  if (masked !== address) {
    throw new NetAddressError(
      'net.host-bits',
      `"${text}" has bits set behind its prefix; write ${masked}/${prefix} for the network or ${address} for the one address`,
    );
  }
  return { family, address, prefix };
}

/**
 * For lists that keep somebody out, or let somebody in: `/0` is everybody, so that such a list would be believed and do nothing.
 * @throws NetAddressError as parseNetwork, and net.prefix-invalid for `/0`
 */
export function parseLimitedNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network.prefix > 0) return network;
  throw new NetAddressError(
    'net.prefix-invalid',
    `"${text}" is every address there is: name the networks that are meant, or leave the list out`,
  );
}

/**
 * The unit in which limits count a client: an IPv4 address, or an IPv6 /64, because a household
 * gets at least a /64 and can hop through all of it. Takes canonical text.
 */
export function addressBucket(address: string): string {
  if (!address.includes(':')) return address;
  return `${textOf(maskedBytes(bytesOf(address), 64))}/64`;
}

/** The network of so many bits that an address lies in: `203.0.113.0/24`. Takes canonical text. */
export function networkAround(
  address: string,
  bits: number | { ipv4: number; ipv6: number },
): string {
  const { ipv4, ipv6 } = typeof bits === 'number' ? { ipv4: bits, ipv6: bits } : bits;
  const prefix = address.includes(':') ? ipv6 : ipv4;
  return `${textOf(maskedBytes(bytesOf(address), prefix))}/${prefix}`;
}

/** A set of networks. Takes canonical addresses (parseAddress). */
export class CidrSet {
  readonly isEmpty: boolean;
  readonly #networks: readonly Network[];
  readonly #list = new BlockList();

  constructor(networks: readonly Network[]) {
    this.#networks = networks;
    this.isEmpty = networks.length === 0;
    for (const { address, prefix, family } of networks) {
      this.#list.addSubnet(address, prefix, family);
    }
  }

  has(address: string): boolean {
    return this.#list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }

  /** Whether an address of `network` is in one of these. */
  overlaps(network: Network): boolean {
    const other = new BlockList();
    other.addSubnet(network.address, network.prefix, network.family);
    return (
      this.has(network.address) ||
      this.#networks.some(({ address, family }) => other.check(address, family))
    );
  }
}

/** 4 or 16 bytes of an address that isIP accepts. */
function bytesOf(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail] = address.split('::');
  const before = groupBytes(head);
  const after = tail === undefined ? [] : groupBytes(tail);
  const bytes = new Uint8Array(16);
  bytes.set(before, 0);
  bytes.set(after, 16 - after.length);
  return bytes;
}

function groupBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) {
    groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  }
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function maskedBytes(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff << (8 - kept));
  });
}

/** RFC 4291 §2.5.5.2: ::ffff:0:0/96. */
function mappedIpv4(bytes: Uint8Array): string | undefined {
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.subarray(12).join('.') : undefined;
}
