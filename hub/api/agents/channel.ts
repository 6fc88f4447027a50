// A request's own TLS connection is looked for; its exporter and its peer leave, or undefined where the hub ends no TLS itself.

import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { TLSSocket } from 'node:tls';

import { addressBucket, parseAddress } from '../../../shared/net-address.ts';
import { exporterBytes, exporterLabel } from '../../../shared/wire/proof.ts';

export interface Channel {
  /** Stands for the connection: what is kept by it goes with it. */
  readonly socket: TLSSocket;
  readonly exporter: Buffer;
  readonly peerAddress: string;
  /** The unit in which limits count. */
  readonly bucket: string;
}

/** Who is at the other end, though a proxy may stand between. */
export type PeerOf = (socket: TLSSocket) => { readonly address: string } | undefined;

/**
 * HTTP/1.1 over TLS 1.3 only. On HTTP/2 a proxy may bundle several clients into one connection, and before TLS 1.3 an
 * exporter is unique only with an extension that Node cannot ask for (RFC 7627): in both a proof would bind nothing.
 */
export function channelOf(
  incoming: IncomingMessage | Http2ServerRequest,
  peerOf: PeerOf = directPeer,
): Channel | undefined {
  const { socket } = incoming;
  if (incoming.httpVersionMajor !== 1 || !(socket instanceof TLSSocket)) return undefined;
  const peerAddress = peerOf(socket)?.address;
  if (socket.getProtocol() !== 'TLSv1.3' || peerAddress === undefined) return undefined;
  return {
    socket,
    exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
    peerAddress,
    bucket: addressBucket(peerAddress),
  };
}

function directPeer(socket: TLSSocket): ReturnType<PeerOf> {
  const address = parseAddress(socket.remoteAddress ?? '');
  return address === undefined ? undefined : { address };
}
