// TCP connections of strangers arrive; those that show a known server name and finish a TLS handshake leave for the front.

import { Buffer } from 'node:buffer';
import { constants, randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';

import { listenOn } from '../../shared/listen-address.ts';
import { addressBucket, parseAddress, type CidrSet } from '../../shared/net-address.ts';
import type { CertificateSource } from '../certificates/store.ts';
import type { Admission } from './admission.ts';
import { HelloReader, type Peek } from './client-hello.ts';
import { VisitorConnection } from './connection.ts';
import type { Front } from './front.ts';
import type { EdgeLimits } from './limits.ts';

export interface EdgeListenerOptions {
  readonly certificates: CertificateSource;
  readonly front: Pick<Front, 'accept' | 'drain' | 'stop'>;
  readonly admission: Admission;
  readonly trustedProxies: CidrSet;
  readonly limits: EdgeLimits;
}

export class EdgeListener {
  readonly #options: EdgeListenerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #tls: TlsServer;
  readonly #rotation: NodeJS.Timeout;
  #onEmpty: () => void = () => undefined;

  constructor(options: EdgeListenerOptions) {
    this.#options = options;
    this.#tls = createHandshakeServer(options);
    this.#tls.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#rotation = setInterval(
      () => this.#tls.setTicketKeys(randomBytes(48)),
      ticketLifeMs,
    ).unref();
  }

  /**
   * Accepts on `:443`, `127.0.0.1:8443`, `[::]:443` ...; more than one address may be listened on.
   * @throws ListenAddressError, or the error of bind
   */
  async listen(address: string): Promise<AddressInfo> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    server.on('connection', (socket) => this.#onConnection(socket));
    const bound = await listenOn(server, address);
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
    const deadline = setTimeout(() => this.#destroyAll(), drainMs);
    this.#options.front.drain();
    if (this.#sockets.size > 0) await emptied;
    clearTimeout(deadline);
    clearInterval(this.#rotation);
    this.#options.front.stop();
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    socket.on('error', ignore);
    const { admission, trustedProxies } = this.#options;
    const peer = parseAddress(socket.remoteAddress ?? '');
    // Everybody behind a trusted proxy shares its address.
    const bucket = peer === undefined || trustedProxies.has(peer) ? undefined : addressBucket(peer);
    if (peer === undefined || (bucket !== undefined && !admission.openConnection(bucket))) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      if (bucket !== undefined) admission.closeConnection(bucket);
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty();
    });
    this.#peek(socket);
  }

  #peek(socket: Socket): void {
    const reader = new HelloReader();
    const deadline = setTimeout(() => socket.destroy(), this.#options.limits.helloTimeoutMs);
    const onPiece = (piece: Buffer): void => {
      const peek = reader.push(piece);
      if (peek.state === 'more') return;
      clearTimeout(deadline);
      socket.off('data', onPiece);
      this.#decide(socket, peek, reader.bytes);
    };
    socket.on('data', onPiece);
    socket.once('close', () => clearTimeout(deadline));
  }

  #decide(socket: Socket, peek: Exclude<Peek, { state: 'more' }>, bytes: Buffer): void {
    if (peek.state === 'malformed') return void socket.destroy();
    if (peek.state === 'plain-http') return dismiss(socket, httpsWanted);
    const { serverName } = peek.hello;
    if (serverName === undefined || this.#options.certificates.find(serverName) === undefined) {
      return dismiss(socket, unrecognizedName);
    }
    socket.pause();
    socket.unshift(bytes);
    // In a turn of its own: the TLS socket takes the handle over, and this callback is still reading from it.
    setImmediate(() => {
      if (!socket.destroyed) this.#tls.emit('connection', socket);
    });
    return undefined;
  }

  #onSecure(socket: TLSSocket): void {
    socket.on('error', ignore);
    const { certificates, admission, front } = this.#options;
    const peer = parseAddress(socket.remoteAddress ?? '');
    const certificate = certificates.find(serverNameOf(socket));
    if (peer === undefined || certificate === undefined) return void socket.destroy();
    const connection = new VisitorConnection(peer, certificate.names);
    socket.once('close', () => admission.leaveTunnels(connection.visited));
    return front.accept(socket, connection);
  }
}

/** Node keeps one active key, so that each rotation costs every visitor one full handshake: twice a day. */
const ticketLifeMs = 12 * 3_600_000;

/** Forward secret and authenticated only. AES-128 first: as safe in practice, and the fastest where AES is in hardware. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Never listens: the peek hands it connections whose server name is known. Its protocol settings hold for every certificate. */
function createHandshakeServer({ certificates, limits }: EdgeListenerOptions): TlsServer {
  return createTlsServer({
    minVersion: 'TLSv1.2',
    ciphers,
    honorCipherOrder: true,
    // The visitor's chip decides between AES and ChaCha20: phones without AES instructions put ChaCha20 first.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    handshakeTimeout: limits.handshakeTimeoutMs,
    ticketKeys: randomBytes(48),
    // The name is the visitor's; whatever it is, this must not throw (CVE-2026-21637).
    SNICallback: (serverName, answer) => {
      answer(null, certificates.find(serverName.toLowerCase())?.context);
    },
    ALPNCallback: ({ protocols }) =>
      protocols.includes('h2') ? 'h2' : protocols.includes('http/1.1') ? 'http/1.1' : undefined,
  });
}

/** Fatal alert 112, unrecognized_name (RFC 6066 §3): never another name's certificate. Node sends none by itself. */
const unrecognizedName = Buffer.from('15030300020270', 'hex');

const sentence = 'This port speaks HTTPS. Write https:// in front of the address.\n';
const httpsWanted = Buffer.from(
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${sentence.length}\r\nConnection: close\r\n\r\n${sentence}`,
);

/** Says one last thing. Reads on for a moment, since closing over unread bytes would reset the connection and lose it. */
function dismiss(socket: Socket, lastWords: Buffer): void {
  socket.resume();
  socket.end(lastWords);
  const deadline = setTimeout(() => socket.destroy(), 1000);
  socket.once('close', () => clearTimeout(deadline));
}

/** Node types it as the client sees it; at a server it is the name of the hello. */
function serverNameOf(socket: TLSSocket): string {
  const { servername } = socket as { servername?: string | false };
  return typeof servername === 'string' ? servername.toLowerCase().replace(/\.$/, '') : '';
}

function ignore(): void {}
