// An accepted connection arrives; it leaves with who is really at its other end: the peer, or whom a trusted proxy names before the first byte.

import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import type { Logger } from '../../shared/log.ts';
import { parseAddress, type CidrSet } from '../../shared/net-address.ts';
import { ProxyHeaderReader, type ProxySource } from './proxy-protocol.ts';

/** Who is at the other end of a connection. */
export interface ConnectionPeer {
  /** Canonical: the client's, or a trusted proxy's own. */
  readonly address: string;
  /** A proxy brought somebody without an address: nobody may say who it is, a forwarding field least of all. */
  readonly isAnonymous: boolean;
}

export interface PeersOptions {
  readonly trustedProxies: CidrSet;
  /** Trusted proxies begin each connection with a PROXY header (version 2). Nobody else may. */
  readonly isProxied: boolean;
  /** How long the header may take. It comes in the proxy's first packet. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** One for all doors of a hub. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #named = new Map<string, ConnectionPeer>();
  #complainedAt = -Infinity;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Calls back at once, or when the header has been read; the socket is then paused, with what followed still to be read. */
  meet(socket: Socket, onMet: (peer: ConnectionPeer) => void): void {
    const address = parseAddress(socket.remoteAddress ?? '');
    if (address === undefined) socket.destroy();
    else if (this.#options.isProxied && this.#options.trustedProxies.has(address))
      this.#readHeader(socket, address, onMet);
    else onMet({ address, isAnonymous: false });
  }

  /** Also of a TLS connection over one that was met. Undefined when it is gone. */
  of(socket: Socket): ConnectionPeer | undefined {
    const address = parseAddress(socket.remoteAddress ?? '');
    if (address === undefined) return undefined;
    const named = this.#named.get(endsOf(socket));
    if (named !== undefined) return named;
    // Through a proxy that names its clients, and yet without a name: nobody, rather than the proxy itself.
    const { isProxied, trustedProxies } = this.#options;
    return { address, isAnonymous: isProxied && trustedProxies.has(address) };
  }

  #readHeader(socket: Socket, proxy: string, onMet: (peer: ConnectionPeer) => void): void {
    const reader = new ProxyHeaderReader();
    const deadline = setTimeout(() => {
      this.#refuse(socket, proxy, `none came within ${this.#options.timeoutMs} ms`);
    }, this.#options.timeoutMs);
    socket.once('close', () => clearTimeout(deadline));
    const onPiece = (piece: Buffer): void => {
      const header = reader.push(piece);
      if (header.state === 'more') return;
      clearTimeout(deadline);
      socket.off('data', onPiece);
      if (header.state === 'malformed') return this.#refuse(socket, proxy, header.reason);
      socket.pause();
      if (header.rest.length > 0) socket.unshift(header.rest);
      const peer = peerOf(header.source, proxy);
      this.#remember(socket, peer);
      // In a turn of its own: TLS takes the handle over, and this callback is still reading from it.
      setImmediate(() => {
        if (!socket.destroyed) onMet(peer);
      });
      return undefined;
    };
    socket.on('data', onPiece);
  }

  #remember(socket: Socket, peer: ConnectionPeer): void {
    const ends = endsOf(socket);
    this.#named.set(ends, peer);
    socket.once('close', () => {
      // A late close: the same two ends may have met again meanwhile, for somebody else.
      if (this.#named.get(ends) === peer) this.#named.delete(ends);
    });
  }

  /** A proxy without the setting fails at every connection; one line in a while says so. */
  #refuse(socket: Socket, proxy: string, reason: string): void {
    socket.destroy();
    const now = performance.now();
    if (now - this.#complainedAt < complaintIntervalMs) return;
    this.#complainedAt = now;
    this.#options.log.warn({ proxy, reason }, 'connection without a usable PROXY header cut');
  }
}

const complaintIntervalMs = 10_000;

function peerOf(source: ProxySource, proxy: string): ConnectionPeer {
  if (source.kind === 'client') return { address: source.address, isAnonymous: false };
  return { address: proxy, isAnonymous: source.kind === 'unknown' };
}

/** The same of a TLS connection and of the one that it runs over, while they live; a TLSSocket does not tell the other. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}
