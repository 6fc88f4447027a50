// A visitor's address arrives; the header of the PROXY protocol, version 2, leaves: what the origin reads before the first byte of HTTP.

import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';

import ipaddr from 'ipaddr.js';

import { nobodysAddress } from '../shared/net-address.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, on somebody's behalf. */
const proxied = 0x21;
const tcpOverIpv4 = 0x11;
const tcpOverIpv6 = 0x21;
/** Two ports. */
const portsBytes = 4;

/**
 * The visitor's port, and the hub's end of his connection, are not known here: zeros. Nobody in particular is not the header's
 * "unspecified", for which receivers take the agent's own address.
 */
export function proxyHeader(clientAddress: string | undefined): Buffer {
  const named = clientAddress ?? nobodysAddress;
  const address = isIP(named) === 0 ? nobodysAddress : named;
  const source = Buffer.from(ipaddr.parse(address).toByteArray());
  const addresses = Buffer.concat([source, Buffer.alloc(source.length + portsBytes)]);
  return header(source.length === 4 ? tcpOverIpv4 : tcpOverIpv6, addresses);
}

function header(family: number, addresses: Buffer): Buffer {
  const rest = Buffer.alloc(4);
  rest.writeUInt8(proxied, 0);
  rest.writeUInt8(family, 1);
  rest.writeUInt16BE(addresses.length, 2);
  return Buffer.concat([signature, rest, addresses]);
}
