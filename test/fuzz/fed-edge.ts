// The pieces of one visitor's connection arrive; what the real front wrote back, and the bytes that each tunnel stream carried, leave.

import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { duplexPair, type Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

import { Admission } from '../../hub/edge/admission.ts';
import { VisitorConnection } from '../../hub/edge/connection.ts';
import { Front } from '../../hub/edge/front.ts';
import { defaultEdgeLimits } from '../../hub/edge/limits.ts';
import type { EdgeTunnel } from '../../hub/edge/routing.ts';
import { defaultSwitches } from '../../hub/tunnels/server.ts';
import { CidrSet } from '../../shared/net-address.ts';

export const host = 'movies.phlix.example';
export const hubHost = 'hub.phlix.example';
/** Of every visitor. */
export const visitorAddress = '203.0.113.7';

/** What the origin answers with: the number under which it has seen the request. */
export const seenMark = /^seen ([0-9a-f-]{36})$/;

export interface Visit {
  /** What the visitor got. */
  readonly answer: Buffer;
  /** What the origin got, one element for each stream of the tunnel. */
  readonly streams: readonly Buffer[];
}

/** The edge as the hub has it, behind TLS; its origin answers each request with the id that the hub gave it. */
export class FedEdge {
  readonly #front: Front;
  readonly #admission = new Admission({ ...defaultEdgeLimits, streamsPerVisitor: 10_000 });
  readonly #origin = createServer({ requireHostHeader: false });
  #tunnel: EdgeTunnel | undefined;
  #records: Buffer[][] = [];
  readonly #open = new Set<Duplex>();
  /** Changes whenever a byte moves. */
  #moves = 0;

  constructor() {
    this.#origin.maxHeadersCount = 0;
    this.#origin.on('request', (message, response) => {
      message.on('error', () => undefined);
      message.resume();
      message.on('end', () => response.end(`seen ${String(message.headers['x-request-id'])}`));
    });
    this.#origin.on('clientError', (_error, socket) => socket.destroy());
    this.#front = new Front({
      hubHostname: hubHost,
      overload: { sheds: false },
      hub: {
        onRequest: (_request, response) => response.end('hub'),
        onUpgrade: (_request, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\nhub'),
      },
      tunnels: { find: (hostname) => (hostname === host ? this.#tunnel : undefined) },
      admission: this.#admission,
      trustedProxies: new CidrSet([]),
      limits: defaultEdgeLimits,
    });
  }

  stop(): void {
    this.#front.stop();
  }

  /** Whatever is pooled belongs to this visit alone. */
  async visit(pieces: readonly Buffer[], protocol: 'http/1.1' | 'h2'): Promise<Visit> {
    this.#records = [];
    this.#tunnel = this.#newTunnel();
    const [near, far] = joinedPair();
    const socket = Object.assign(near, { alpnProtocol: protocol, setTimeout: () => near });
    const answer: Buffer[] = [];
    let isOver = false;
    far.on('data', (piece: Buffer) => {
      this.#moves += 1;
      answer.push(piece);
    });
    far.on('end', () => (isOver = true));
    far.on('close', () => (isOver = true));
    const connection = connectionOf(protocol);
    near.once('close', () => this.#admission.leaveTunnels(connection.visited));
    this.#front.accept(socket as unknown as TLSSocket, connection);
    for (const piece of pieces) {
      if (isOver) break;
      far.write(piece);
      await turn();
    }
    await this.#settled(() => isOver);
    far.destroy();
    for (const stream of this.#open) stream.destroy();
    for (let turns = 0; turns < 2000 && this.#left().length > 0; turns += 1) await turn();
    this.#checkLeft();
    return { answer: Buffer.concat(answer), streams: this.#records.map((r) => Buffer.concat(r)) };
  }

  /** Nobody is there any more: what is still counted would be counted for ever. */
  #checkLeft(): void {
    const left = this.#left();
    if (left.length > 0) throw new Error(`places that nobody gave back: ${JSON.stringify(left)}`);
  }

  #left(): [string, number][] {
    return Object.entries(this.#admission.counted).filter(([, count]) => count > 0);
  }

  #newTunnel(): EdgeTunnel {
    const link = {
      retired: new AbortController().signal,
      originProtocol: 'http/1.1' as const,
      streamCount: 0,
      inFlightBytes: 0,
      openStream: () => this.#openStream(),
    };
    return {
      serverId: 'movies',
      switches: defaultSwitches,
      links: [link],
      awaitedMs: 0,
      nextLink: async () => link,
    };
  }

  #openStream(): Duplex & { reset(): void } {
    const [near, far] = joinedPair();
    const record: Buffer[] = [];
    this.#records.push(record);
    this.#open.add(near);
    near.once('close', () => this.#open.delete(near));
    this.#origin.emit('connection', far);
    far.on('data', (piece: Buffer) => {
      this.#moves += 1;
      record.push(piece);
    });
    return Object.assign(near, { reset: () => void near.destroy() });
  }

  /** Everything happens in memory: when many turns of the event loop pass and no byte moves, none will. */
  async #settled(isOver: () => boolean): Promise<void> {
    for (let idleTurns = 0; idleTurns < maxIdleTurns && !isOver(); idleTurns += 1) {
      const before = this.#moves;
      await turn();
      if (this.#moves !== before) idleTurns = 0;
    }
  }
}

/** Three times what the longest silence of a whole exchange was seen to take. */
const maxIdleTurns = 40;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One end that goes takes the other one along, as with sockets. */
function joinedPair(): [Duplex, Duplex] {
  const [near, far] = duplexPair();
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => undefined);
    one.once('close', () => other.destroy());
  }
  return [near, far];
}

function connectionOf(protocol: 'http/1.1' | 'h2'): VisitorConnection {
  return new VisitorConnection(
    { address: visitorAddress, isAnonymous: false },
    {
      serverName: host,
      certificateNames: ['*.phlix.example'],
      isHttp2: protocol === 'h2',
      isTls13: true,
    },
  );
}
