// TCP connections of strangers arrive; those that show a known server name and finish a TLS handshake leave for the front.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Server as TlsServer, TLSSocket } from 'node:tls';

import { listenOn, type PortSharing } from '../../shared/listen-address.ts';
import { addressBucket, type CidrSet } from '../../shared/net-address.ts';
import type { CertificateSource, KeyKind } from '../certificates/store.ts';
import type { Admission } from './admission.ts';
import { HelloReader, type Peek } from './client-hello.ts';
import { VisitorConnection, type TlsSwitches } from './connection.ts';
import { lastWordsMs, type Front } from './front.ts';
import { createHandshakeServer, hostnameOf } from './handshake-server.ts';
import { keyKindFor } from './key-kind.ts';
import { dismiss } from './last-words.ts';
import type { EdgeLimits } from './limits.ts';
import { endsOf, type ConnectionPeer, type Peers } from './peers.ts';
import { PlainlySpoken } from './plainly-spoken.ts';
import { answerWithProof, wantsProof } from './proof-handshake.ts';
import { noProofs, type EdgeProofs } from './proof.ts';

export interface EdgeListenerOptions {
  readonly certificates: CertificateSource;
  /** Absent where nothing has to be proved to an authority. */
  readonly proofs?: EdgeProofs;
  /** What the owner of this server chose; undefined for a name that is no server's. */
  readonly switchesOf: (hostname: string) => TlsSwitches | undefined;
  readonly peers: Peers;
  readonly front: Pick<Front, 'accept' | 'drain' | 'cut' | 'stop'>;
  readonly admission: Admission;
  readonly trustedProxies: CidrSet;
  /** Whose connections end before they begin, where nobody wants to tell them why. Absent: nobody's. */
  readonly isTurnedAway?: ((address: string) => boolean) | undefined;
  readonly limits: EdgeLimits;
  /** Told how each connection that showed itself went on; `version` is of TLS, and known of those that succeeded. */
  readonly onHandshake?: (result: EdgeHandshake, version?: string) => void;
}

/** What became of a connection before its first request. */
export type EdgeHandshake =
  | 'ok'
  | 'failed'
  | 'malformed'
  | 'plain-http'
  | 'unknown-name'
  | 'version-unsupported';

export class EdgeListener {
  readonly #options: EdgeListenerOptions;
  readonly #servers: Server[] = [];
  /** By their two ends. Without agents that came in by this door: those are the gateway's to close. */
  readonly #sockets = new Map<string, Socket>();
  /** One for each kind of key: which one a visitor can check stands in his hello, and the TLS server does not show it. */
  readonly #tls: Record<KeyKind, TlsServer>;
  /** The same, with HTTP/2 for those alone who speak nothing else. */
  readonly #plainTls: Record<KeyKind, TlsServer>;
  readonly #plainlySpoken = new PlainlySpoken();
  readonly #rotation: NodeJS.Timeout;
  #onEmpty: () => void = () => undefined;

  constructor(options: EdgeListenerOptions) {
    this.#options = options;
    this.#tls = this.#handshakes(true);
    this.#plainTls = this.#handshakes(false);
    this.#rotateTickets();
    this.#rotation = setInterval(() => this.#rotateTickets(), ticketLifeMs).unref();
  }

  /**
   * Accepts on `:443`, `127.0.0.1:8443`, `[::]:443` ...; more than one address may be listened on.
   * @throws ListenAddressError, or the error of bind
   */
  async listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    server.on('connection', (socket) => this.#onConnection(socket));
    const bound = await listenOn(server, address, sharing);
    // Out of file descriptors, most likely: accepting goes on when there are some again.
    server.on('error', ignore);
    this.#servers.push(server);
    return bound;
  }

  /** Accepts no more, lets running exchanges finish for `drainMs`, then cuts what is left. */
  async close(drainMs: number): Promise<void> {
    for (const server of this.#servers) server.close();
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const { front } = this.#options;
    const deadlines = [
      setTimeout(() => front.cut(), drainMs),
      setTimeout(() => this.#destroyAll(), drainMs + lastWordsMs),
    ];
    front.drain();
    this.#checkEmpty();
    await emptied;
    for (const deadline of deadlines) clearTimeout(deadline);
    clearInterval(this.#rotation);
    front.stop();
  }

  #handshakes(prefersHttp2: boolean): Record<KeyKind, TlsServer> {
    const handshakes = (kind: KeyKind): TlsServer => {
      const server = createHandshakeServer(this.#options, { kind, prefersHttp2 });
      server.on('secureConnection', (socket) => this.#onSecure(socket, kind));
      server.on('tlsClientError', (_error, socket) => {
        this.#options.onHandshake?.('failed');
        socket.destroy();
      });
      return server;
    };
    return { ecdsa: handshakes('ecdsa'), rsa: handshakes('rsa') };
  }

  /** The same for all: a ticket holds whichever certificate its visitor was shown. */
  #rotateTickets(): void {
    const keys = randomBytes(48);
    const servers = [this.#tls, this.#plainTls].flatMap((each) => Object.values(each));
    for (const server of servers) server.setTicketKeys(keys);
  }

  /** Ends the connections of whoever is not to be here any more, with all that runs on them. */
  cut(isBanned: (address: string) => boolean): void {
    const { peers } = this.#options;
    for (const socket of this.#sockets.values()) {
      const peer = peers.of(socket);
      if (peer !== undefined && isBanned(peer.address)) socket.destroy();
    }
  }

  #checkEmpty(): void {
    if (this.#sockets.size === 0) this.#onEmpty();
  }

  #forget(ends: string): void {
    this.#sockets.delete(ends);
    this.#checkEmpty();
  }

  #destroyAll(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    socket.on('error', ignore);
    const ends = endsOf(socket);
    this.#sockets.set(ends, socket);
    socket.once('close', () => {
      // A late close: the same two ends may have met again meanwhile.
      if (this.#sockets.get(ends) === socket) this.#forget(ends);
    });
    this.#options.peers.meet(socket, (peer) => {
      if (this.#count(socket, peer)) this.#peek(socket);
      else socket.destroy();
    });
  }

  #count(socket: Socket, { address }: ConnectionPeer): boolean {
    const { admission, trustedProxies } = this.#options;
    if (this.#options.isTurnedAway?.(address) === true) return false;
    // Everybody behind a trusted proxy shares its address.
    if (trustedProxies.has(address)) return true;
    const bucket = addressBucket(address);
    if (!admission.openConnection(bucket)) return false;
    socket.once('close', () => admission.closeConnection(bucket));
    return true;
  }

  #peek(socket: Socket): void {
    const reader = new HelloReader();
    const deadline = setTimeout(() => socket.destroy(), this.#options.limits.helloTimeoutMs);
    const onClosed = (): void => clearTimeout(deadline);
    const onPiece = (piece: Buffer): void => {
      const peek = reader.push(piece);
      if (peek.state === 'more') return;
      onClosed();
      // Both, or the hello would stay in memory for as long as the connection lasts.
      socket.off('data', onPiece).off('close', onClosed);
      this.#decide(socket, peek, reader.bytes);
    };
    socket.on('data', onPiece).once('close', onClosed).resume();
  }

  #decide(socket: Socket, peek: Exclude<Peek, { state: 'more' }>, bytes: Buffer): void {
    const { certificates, switchesOf, proofs = noProofs, limits, onHandshake } = this.#options;
    if (peek.state !== 'hello') onHandshake?.(peek.state);
    if (peek.state === 'malformed') return void socket.destroy();
    if (peek.state === 'plain-http') return dismiss(socket, httpsWanted);
    const { hello } = peek;
    const { serverName } = hello;
    if (wantsProof(hello)) return answerWithProof(socket, bytes, serverName, { proofs, limits });
    if (serverName === undefined || certificates.find(serverName) === undefined) {
      onHandshake?.('unknown-name');
      return dismiss(socket, unrecognizedName);
    }
    const switches = switchesOf(serverName);
    if (switches?.minTls === '1.3' && !hello.versions.includes(tls13)) {
      onHandshake?.('version-unsupported');
      return dismiss(socket, protocolVersion);
    }
    socket.pause();
    socket.unshift(bytes);
    return this.#shakeHands(socket, keyKindFor(hello, switches?.certificateKey));
  }

  #shakeHands(socket: Socket, kind: KeyKind): void {
    const hand = (): void => {
      if (socket.destroyed) return;
      const peer = this.#options.peers.of(socket);
      const isPlain = peer !== undefined && this.#plainlySpoken.has(addressBucket(peer.address));
      (isPlain ? this.#plainTls : this.#tls)[kind].emit('connection', socket);
    };
    const { certificates, limits } = this.#options;
    if (kind === 'ecdsa' || certificates.prepare === undefined) {
      // In a turn of its own: the TLS socket takes the handle over, and the caller is still reading from it.
      setImmediate(hand);
      return;
    }
    const deadline = setTimeout(() => socket.destroy(), limits.handshakeTimeoutMs);
    void certificates.prepare(kind).then(() => {
      clearTimeout(deadline);
      setImmediate(hand);
    });
  }

  #onSecure(socket: TLSSocket, kind: KeyKind): void {
    socket.on('error', ignore);
    const { certificates, admission, front, peers, onHandshake } = this.#options;
    onHandshake?.('ok', socket.getProtocol() ?? undefined);
    const peer = peers.of(socket);
    const serverName = serverNameOf(socket);
    const certificate = certificates.find(serverName, kind);
    if (peer === undefined || certificate === undefined) return void socket.destroy();
    const agreement = {
      serverName,
      certificateNames: certificate.names,
      isHttp2: socket.alpnProtocol === 'h2',
      isTls13: socket.getProtocol() === 'TLSv1.3',
    };
    const connection = new VisitorConnection(peer, agreement, {
      release: () => this.#forget(endsOf(socket)),
      speakPlainly: () => this.#plainlySpoken.add(addressBucket(peer.address)),
    });
    socket.once('close', () => admission.leaveTunnels(connection.visited));
    return front.accept(socket, connection);
  }
}

/** Node keeps one active key, so that each rotation costs every visitor one full handshake: twice a day. */
const ticketLifeMs = 12 * 3_600_000;

/** Fatal alert 112, unrecognized_name (RFC 6066 §3): never another name's certificate. Node sends none by itself. */
const unrecognizedName = Buffer.from('15030300020270', 'hex');

/** Fatal alert 70, protocol_version (RFC 8446 §6.2). */
const protocolVersion = Buffer.from('15030300020246', 'hex');
const tls13 = 0x0304;

const sentence = 'This port speaks HTTPS. Write https:// in front of the address.\n';
const httpsWanted = Buffer.from(
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${sentence.length}\r\nConnection: close\r\n\r\n${sentence}`,
);

/** Node types it as the client sees it; at a server it is the name of the hello. */
function serverNameOf(socket: TLSSocket): string {
  const { servername } = socket as { servername?: string | false };
  return hostnameOf(servername);
}

function ignore(): void {}
