// Limits and an origin's request handler arrive; a real edge on a free port, with that origin behind in-memory tunnels, leaves.

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { duplexPair, type Duplex } from 'node:stream';
import {
  connect as connectTls,
  createSecureContext,
  type ConnectionOptions,
  type TLSSocket,
} from 'node:tls';

import type { CertificateSource, ServedCertificate } from '../../hub/certificates/store.ts';
import { Admission } from '../../hub/edge/admission.ts';
import type { ForwardOptions } from '../../hub/edge/forward.ts';
import type { HubPages } from '../../hub/edge/front-options.ts';
import { Front } from '../../hub/edge/front.ts';
import { defaultEdgeLimits, type EdgeLimits } from '../../hub/edge/limits.ts';
import { EdgeListener } from '../../hub/edge/listener.ts';
import { Peers } from '../../hub/edge/peers.ts';
import type { EdgeProofs } from '../../hub/edge/proof.ts';
import type { EdgeTunnel as SwitchedTunnel } from '../../hub/edge/routing.ts';
import type { Link } from '../../hub/edge/stream-pool.ts';
import { defaultSwitches, type ServerSwitches } from '../../hub/tunnels/server.ts';
import { createLogger } from '../../shared/log.ts';
import { CidrSet, parseNetwork } from '../../shared/net-address.ts';
import type { ResetReason } from '../../shared/wire/codes.ts';
import type { OriginProtocol } from '../../shared/wire/hello.ts';
import { selfSigned } from './self-signed.ts';

export const hubHostname = 'hub.example';
type EdgeTunnel = Omit<SwitchedTunnel, 'switches'>;
/** `movies` is online, `asleep` is offline, any other name is unknown. */
export const onlineHostname = 'movies.phlix.example';

export interface EdgeOptions {
  origin?: RequestListener;
  /** In its place: an origin that speaks HTTP/2, or not, on the far end of each stream. */
  h2cOrigin?: (connection: Duplex) => void;
  hub?: Partial<HubPages>;
  overload?: { sheds: boolean };
  limits?: Partial<EdgeLimits>;
  trustedProxies?: string[];
  /** Trusted proxies begin each connection with a PROXY header. */
  isProxied?: boolean;
  forwarding?: ForwardOptions;
  /** In place of one for each name, all of them ECDSA. */
  certificates?: CertificateSource;
  proofs?: EdgeProofs;
}

/** An edge like the hub's, from the TCP port to the tunnel. `await using` closes it. */
export class TestEdge {
  readonly listener: EdgeListener;
  readonly admission: Admission;
  /** The origin's HTTP server; it speaks on the far ends of the tunnel's streams. */
  readonly origin: Server;
  readonly resets: ResetReason[] = [];
  readonly logLines: string[] = [];
  readonly streams = new Set<Duplex>();
  port = 0;
  /** Of every server. */
  switches: ServerSwitches = defaultSwitches;
  newOwnerSince: Date | undefined;

  static async start(options: EdgeOptions = {}): Promise<TestEdge> {
    const edge = new TestEdge(options, await certificatesOnce());
    const { port } = await edge.listener.listen('127.0.0.1:0');
    edge.port = port;
    return edge;
  }

  private constructor(options: EdgeOptions, certificates: ReadonlyMap<string, ServedCertificate>) {
    if (options.h2cOrigin !== undefined) this.#link.originProtocol = 'h2c';
    const limits = { ...defaultEdgeLimits, ...options.limits };
    const trustedProxies = new CidrSet((options.trustedProxies ?? []).map(parseNetwork));
    this.admission = new Admission(limits);
    this.origin = createServer({ requireHostHeader: true }, options.origin ?? echo);
    this.#acceptH2c = options.h2cOrigin;
    const hub: HubPages = {
      onRequest: (_request, response) => response.end('the hub'),
      onUpgrade: (_request, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'),
      ...options.hub,
    };
    const front = new Front({
      hubHostname,
      overload: options.overload ?? { sheds: false },
      hub,
      tunnels: {
        find: (hostname) => {
          const tunnel = this.#find(hostname);
          const { switches, newOwnerSince } = this;
          return tunnel && { ...tunnel, switches, newOwnerSince };
        },
      },
      admission: this.admission,
      trustedProxies,
      limits,
      ...(options.forwarding === undefined ? {} : { forwarding: options.forwarding }),
    });
    this.listener = new EdgeListener({
      certificates: options.certificates ?? {
        find: (name) => certificates.get(name) ?? certificates.get(name.replace(/^[^.]*/, '*')),
      },
      ...(options.proofs === undefined ? {} : { proofs: options.proofs }),
      switchesOf: (hostname) => (this.#find(hostname) === undefined ? undefined : this.switches),
      peers: new Peers({
        trustedProxies,
        isProxied: options.isProxied === true,
        timeoutMs: limits.helloTimeoutMs,
        log: createLogger(
          { level: 'info', name: 'edge' },
          { write: (line) => void this.logLines.push(line) },
        ),
      }),
      front,
      admission: this.admission,
      trustedProxies,
      limits,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close(0);
    for (const stream of this.streams) stream.destroy();
  }

  /** TLS to the edge; resolves when the handshake is done. */
  async connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = this.connecting(options);
    await once(socket, 'secureConnect', deadline());
    return socket;
  }

  connecting(options: ConnectionOptions = {}): TLSSocket {
    const socket = connectTls({
      port: this.port,
      host: '127.0.0.1',
      servername: onlineHostname,
      rejectUnauthorized: false,
      ...options,
    });
    socket.on('error', () => {});
    return socket;
  }

  /** Sends bytes on a connection of its own; resolves with all that comes back until it is closed. */
  async raw(text: string | Buffer, options: ConnectionOptions = {}): Promise<string> {
    const socket = await this.connect(options);
    socket.write(text);
    return readToClose(socket);
  }

  async http2(servername = onlineHostname): Promise<ClientHttp2Session> {
    return this.http2Over({ servername });
  }

  async http2Over(options: ConnectionOptions): Promise<ClientHttp2Session> {
    const session = connectHttp2(`https://${onlineHostname}:${this.port}`, {
      createConnection: () => this.connecting({ ...options, ALPNProtocols: ['h2'] }),
    });
    session.on('error', () => {});
    await once(session, 'connect', deadline());
    return session;
  }

  #find(hostname: string): EdgeTunnel | undefined {
    if (hostname === 'asleep.phlix.example')
      return { serverId: 'asleep', links: [], awaitedMs: 0, nextLink };
    return hostname === onlineHostname ? this.#tunnel : undefined;
  }

  readonly #acceptH2c: ((connection: Duplex) => void) | undefined;
  readonly retirement = new AbortController();

  readonly #link: Link & { originProtocol: OriginProtocol } = {
    retired: this.retirement.signal,
    originProtocol: 'http/1.1',
    streamCount: 0,
    inFlightBytes: 0,
    openStream: () => {
      const [near, far] = duplexPair();
      this.streams.add(near);
      near.once('close', () => {
        this.streams.delete(near);
        far.destroy();
      });
      far.once('close', () => near.destroy());
      far.on('error', () => {});
      if (this.#acceptH2c === undefined) this.origin.emit('connection', far);
      else this.#acceptH2c(far);
      const reset = (reason: ResetReason): void => {
        this.resets.push(reason);
        near.destroy();
      };
      return Object.assign(near, { reset });
    },
  };

  readonly #tunnel: EdgeTunnel = {
    serverId: 'movies',
    links: [this.#link],
    awaitedMs: 0,
    nextLink: async () => this.#link,
  };
}

/** Of a server that never comes. */
function nextLink(): Promise<undefined> {
  return new Promise(() => undefined);
}

export interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly information: IncomingHttpHeaders[];
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: string;
}

/** One HTTP/2 exchange, whole. Rejects when the stream is reset. */
export async function exchange(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = session.request(
    { ':authority': onlineHostname, ...headers },
    { endStream: body === undefined },
  );
  const information: IncomingHttpHeaders[] = [];
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('headers', (interim: IncomingHttpHeaders) => information.push(interim));
  stream.on('trailers', (fields: IncomingHttpHeaders) => {
    trailers = fields;
  });
  if (body !== undefined) stream.end(body);
  const [head] = (await once(stream, 'response', deadline())) as [IncomingHttpHeaders];
  return { headers: head, information, body: await readAll(stream), trailers };
}

async function readAll(stream: ClientHttp2Stream): Promise<string> {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'close', deadline());
  if (stream.rstCode !== 0) throw new Error(`reset with ${stream.rstCode}`);
  return Buffer.concat(pieces).toString('latin1');
}

export async function readToClose(socket: Duplex): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.resume();
  if (!socket.destroyed) await once(socket, 'close', deadline());
  return Buffer.concat(pieces).toString('latin1');
}

/** Resolves when what has arrived matches. */
export async function readUntil(socket: Duplex, pattern: RegExp): Promise<string> {
  let text = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onData = (piece: Buffer): void => {
    text += piece.toString('latin1');
    if (pattern.test(text)) resolve(text);
  };
  socket.on('data', onData);
  // Paused by the last one.
  socket.resume();
  socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  AbortSignal.timeout(10_000).addEventListener('abort', () =>
    reject(new Error(`only ${JSON.stringify(text)} came`)),
  );
  try {
    return await promise;
  } finally {
    socket.off('data', onData);
    socket.pause();
  }
}

/** What a test waits for comes within seconds or is broken. */
export function deadline(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(10_000) };
}

/** Answers with what it was asked. */
const echo: RequestListener = (request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    const { method, url, rawHeaders } = request;
    const body = JSON.stringify({
      method,
      url,
      rawHeaders,
      body: Buffer.concat(pieces).toString('latin1'),
    });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
};

/** What the echoing origin saw. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly body: string;
}

let made: Promise<ReadonlyMap<string, ServedCertificate>> | undefined;

function certificatesOnce(): Promise<ReadonlyMap<string, ServedCertificate>> {
  made ??= Promise.all(['*.phlix.example', hubHostname].map(serve)).then(
    (entries) => new Map(entries),
  );
  return made;
}

async function serve(name: string): Promise<[string, ServedCertificate]> {
  const context = createSecureContext(await selfSigned(name));
  return [name, { context, names: [name], notAfter: new Date(Date.now() + 86_400_000) }];
}
