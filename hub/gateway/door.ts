// TCP connections of strangers arrive on 8802; those that finish a TLS 1.3 handshake for the hub's own name leave, and not for long unless vouched for.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';

import { listenOn, type PortSharing } from '../../shared/listen-address.ts';
import { addressBucket } from '../../shared/net-address.ts';
import type { CertificateSource } from '../certificates/store.ts';
import { Crush } from './crush.ts';
import type { GatewayLimits } from './limits.ts';

/** Says who is at the other end of a connection, though a proxy may stand between. */
export interface PeerReader {
  meet(socket: Socket, onMet: (peer: { readonly address: string }) => void): void;
  /** Also of a TLS connection over one that was met. */
  of(socket: Socket): { readonly address: string } | undefined;
}

export interface DoorOptions {
  readonly peers: PeerReader;
  readonly certificates: CertificateSource;
  readonly hubHost: string;
  readonly limits: GatewayLimits;
  /** Proxies that do not say whom they bring: everybody behind them has one address. */
  readonly trustedProxies: { has(address: string): boolean };
  /** Whose connections end before they begin. Absent: nobody's. */
  readonly isTurnedAway?: ((address: string) => boolean) | undefined;
  readonly onLimit?: ((limit: string, who: string) => void) | undefined;
  readonly onSecure: (socket: TLSSocket, peer: Peer) => void;
  /** Told how each TLS handshake ended. */
  readonly onTls?: ((result: 'ok' | 'failed', version?: string) => void) | undefined;
}

/** Who is at the other end. */
export interface Peer {
  readonly address: string;
  /** The unit in which limits count. */
  readonly bucket: string;
  /** It came in by the visitors' door, the only one that its network lets it reach. */
  readonly isGuest: boolean;
  /** Stops the clock under which a stranger's connection is cut. Returns the milliseconds that were left. */
  vouch(): number;
}

export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  /** Never listens: connections are handed to it. */
  readonly #tls: TlsServer;
  readonly #sockets = new Set<Socket>();
  readonly #countByBucket = new Map<string, number>();
  readonly #crush: Crush;

  constructor(options: DoorOptions) {
    this.#options = options;
    const { certificates, hubHost, limits } = options;
    this.#crush = new Crush({ mostWhenLate: limits.handshakesWhenLate });
    this.#tls = createTlsServer({
      minVersion: 'TLSv1.3',
      handshakeTimeout: limits.handshakeTimeoutMs,
      // A resumed session would have an exporter of its own too, but agents stay for weeks: tickets serve nobody here.
      sessionTimeout: 1,
      // Not ALPNProtocols: Node copies those for every connection, and each copy keeps a slab of 64 KiB alive.
      ALPNCallback: ({ protocols }) => (protocols.includes('http/1.1') ? 'http/1.1' : undefined),
      // Any other name, or none, finds no certificate and ends in an alert: tenants' names have no business here.
      SNICallback: (serverName, answer) => {
        const isHub = serverName.toLowerCase() === hubHost;
        answer(null, isHub ? certificates.find(hubHost)?.context : undefined);
      },
    });
    // Every handshake ends in one of the two, also when the connection breaks.
    this.#tls.on('secureConnection', (socket) => {
      this.#crush.leave();
      options.onTls?.('ok', socket.getProtocol() ?? undefined);
      this.#admit(socket);
    });
    this.#tls.on('tlsClientError', (_error, socket) => {
      this.#crush.leave();
      options.onTls?.('failed');
      socket.destroy();
    });
    this.#server = createServer((socket) => this.#meet(socket));
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    this.#server.on('error', ignore);
  }

  async listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    return listenOn(this.#server, address, sharing);
  }

  /** Connections that are in stay in. */
  close(): void {
    this.#server.close();
  }

  /** One that came in elsewhere goes with the others. */
  adopt(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Ends the connections of whoever is not to be here any more. */
  cut(isBanned: (address: string) => boolean): void {
    for (const socket of this.#sockets) {
      const peer = this.#options.peers.of(socket);
      if (peer !== undefined && isBanned(peer.address)) socket.destroy();
    }
  }

  destroyAll(): void {
    this.#crush.stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  #meet(socket: Socket): void {
    socket.on('error', ignore);
    this.#sockets.add(socket);
    // `on`, here and below: of `once` every link would keep a wrapper of 200 bytes for a close that comes once anyway.
    socket.on('close', () => this.#sockets.delete(socket));
    this.#options.peers.meet(socket, ({ address }) => {
      const isWelcome =
        this.#options.isTurnedAway?.(address) !== true &&
        this.#count(socket, this.#bucketOf(socket, address)) &&
        this.#crush.enter();
      if (isWelcome) this.#tls.emit('connection', socket);
      else socket.destroy();
    });
  }

  /** One broken agent behind a proxy must not lock out all the others: there, each connection is counted by itself. */
  #bucketOf({ remotePort }: Socket, address: string): string {
    return this.#options.trustedProxies.has(address)
      ? `${address} ${remotePort}`
      : addressBucket(address);
  }

  #count(socket: Socket, bucket: string): boolean {
    const count = this.#countByBucket.get(bucket) ?? 0;
    if (count >= this.#options.limits.connectionsPerAddress) {
      this.#options.onLimit?.('HUB_LIMIT_AGENT_CONNECTIONS_PER_ADDRESS', bucket);
      return false;
    }
    this.#countByBucket.set(bucket, count + 1);
    socket.on('close', () => {
      const rest = (this.#countByBucket.get(bucket) ?? 1) - 1;
      if (rest === 0) this.#countByBucket.delete(bucket);
      else this.#countByBucket.set(bucket, rest);
    });
    return true;
  }

  #admit(socket: TLSSocket): void {
    socket.on('error', ignore);
    const address = this.#options.peers.of(socket)?.address;
    if (address === undefined) return void socket.destroy();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    const { authenticationTimeoutMs } = this.#options.limits;
    const deadlineAt = performance.now() + authenticationTimeoutMs;
    const deadline = setTimeout(() => socket.destroy(), authenticationTimeoutMs);
    const disarm = (): void => clearTimeout(deadline);
    socket.on('close', disarm);
    return this.#options.onSecure(socket, {
      address,
      bucket: this.#bucketOf(socket, address),
      isGuest: false,
      vouch: () => {
        disarm();
        socket.off('close', disarm);
        return Math.max(1, deadlineAt - performance.now());
      },
    });
  }
}

function ignore(): void {}
