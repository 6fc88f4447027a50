// Connections of the proxies in front arrive, in plain HTTP (HUB_TLS=proxy); those of proxies that are trusted leave for the front, by what they speak.

import { Buffer } from 'node:buffer';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { listenOn, type PortSharing } from '../../shared/listen-address.ts';
import { addressBucket, parseAddress, type CidrSet } from '../../shared/net-address.ts';
import type { Admission } from './admission.ts';
import { VisitorConnection } from './connection.ts';
import { lastWordsMs, type Front } from './front.ts';
import type { EdgeLimits } from './limits.ts';
import type { ConnectionPeer, Peers } from './peers.ts';

export interface PlainListenerOptions {
  readonly peers: Peers;
  readonly front: Pick<Front, 'accept' | 'drain' | 'cut' | 'stop'>;
  readonly admission: Admission;
  /** Nobody else is heard. Empty: whoever is on this machine, but nobody is believed. */
  readonly trustedProxies: CidrSet;
  readonly limits: EdgeLimits;
  /** Told of each connection of somebody else, by its address. */
  readonly onStranger?: (address: string) => void;
}

export class PlainListener {
  readonly #options: PlainListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onEmpty: () => void = () => undefined;

  constructor(options: PlainListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    this.#server.on('error', ignore);
  }

  /** @throws ListenAddressError, or the error of bind */
  listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    return listenOn(this.#server, address, sharing);
  }

  /** Accepts no more, lets running exchanges finish for `drainMs`, then cuts what is left. */
  async close(drainMs: number): Promise<void> {
    this.#server.close();
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const { front } = this.#options;
    const deadlines = [
      setTimeout(() => front.cut(), drainMs),
      setTimeout(() => this.#destroyAll(() => true), drainMs + lastWordsMs),
    ];
    front.drain();
    if (this.#sockets.size === 0) this.#onEmpty();
    await emptied;
    for (const deadline of deadlines) clearTimeout(deadline);
    front.stop();
  }

  /** Ends the connections of whoever is not to be here any more: those that a PROXY header gave a visitor's address. */
  cut(isBanned: (address: string) => boolean): void {
    const { peers } = this.#options;
    this.#destroyAll((socket) => {
      const peer = peers.of(socket);
      return peer !== undefined && isBanned(peer.address);
    });
  }

  #destroyAll(isMeant: (socket: Socket) => boolean): void {
    for (const socket of this.#sockets) if (isMeant(socket)) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    socket.on('error', ignore);
    const address = parseAddress(socket.remoteAddress ?? '');
    if (address === undefined || !this.#isHeard(address)) {
      if (address !== undefined) this.#options.onStranger?.(address);
      return void socket.destroy();
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty();
    });
    return this.#options.peers.meet(socket, (peer) => {
      if (this.#count(socket, peer)) this.#peek(socket, peer);
      else socket.destroy();
    });
  }

  #isHeard(address: string): boolean {
    const { trustedProxies } = this.#options;
    return trustedProxies.isEmpty ? isLoopback(address) : trustedProxies.has(address);
  }

  /** Everybody behind a trusted proxy shares its address, unless a PROXY header said whose the connection is. */
  #count(socket: Socket, { address }: ConnectionPeer): boolean {
    const { admission, trustedProxies } = this.#options;
    if (trustedProxies.has(address)) return true;
    const bucket = addressBucket(address);
    if (!admission.openConnection(bucket)) return false;
    socket.once('close', () => admission.closeConnection(bucket));
    return true;
  }

  /** HTTP/2 begins with its preface at once where a proxy was told to speak it (RFC 9113 §3.3); no method of HTTP/1.1 begins so. */
  #peek(socket: Socket, peer: ConnectionPeer): void {
    let bytes: Buffer | undefined;
    const deadline = setTimeout(() => socket.destroy(), this.#options.limits.headTimeoutMs);
    const onClosed = (): void => clearTimeout(deadline);
    const onPiece = (piece: Buffer): void => {
      bytes = bytes === undefined ? piece : Buffer.concat([bytes, piece]);
      const isPreface = preface.startsWith(bytes.toString('latin1', 0, preface.length));
      if (isPreface && bytes.length < preface.length) return;
      onClosed();
      socket.off('data', onPiece).off('close', onClosed);
      socket.pause();
      socket.unshift(bytes);
      // In a turn of its own: the parser takes the handle over, and this callback is still reading from it.
      setImmediate(() => this.#accept(socket, peer, isPreface));
    };
    socket.on('data', onPiece).once('close', onClosed).resume();
  }

  #accept(socket: Socket, peer: ConnectionPeer, isHttp2: boolean): void {
    if (socket.destroyed) return;
    const { admission, front, trustedProxies } = this.#options;
    const agreement = { isHttp2, isToldScheme: !trustedProxies.isEmpty };
    const connection = new VisitorConnection(peer, agreement);
    socket.once('close', () => admission.leaveTunnels(connection.visited));
    front.accept(socket, connection);
    if (!isHttp2) socket.resume();
  }
}

const preface = 'PRI ';

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function ignore(): void {}
