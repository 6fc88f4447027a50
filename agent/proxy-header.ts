// A visitor's address arrives; the header of the PROXY protocol, version 2, leaves: what the origin reads before the first byte of HTTP.

import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';

import ipaddr from 'ipaddr.js';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, on somebody's behalf. */
const proxied = 0x21;
const unspecified = 0x00;
const tcpOverIpv4 = 0x11;
const tcpOverIpv6 = 0x21;
/** Two ports. */
const portsBytes = 4;

/**
 * The visitor's port, and the hub's end of his connection, are not known here: zeros. An address that is not known leaves
 * the family unspecified, which receivers take for their own end of the connection.
 */
export function proxyHeader(clientAddress: string | undefined): Buffer {
  const kind = clientAddress === undefined ? 0 : isIP(clientAddress);
  if (clientAddress === undefined || kind === 0) return header(unspecified, Buffer.alloc(0));
  const source = Buffer.from(ipaddr.parse(clientAddress).toByteArray());
  const addresses = Buffer.concat([source, Buffer.alloc(source.length + portsBytes)]);
  return header(kind === 4 ? tcpOverIpv4 : tcpOverIpv6, addresses);
}

function header(family: number, addresses: Buffer): Buffer {
  const rest = Buffer.alloc(4);
  rest.writeUInt8(proxied, 0);
  rest.writeUInt8(family, 1);
  rest.writeUInt16BE(addresses.length, 2);
  return Buffer.concat([signature, rest, addresses]);
}
