// Agents arrive at 8802; each that proves its key leaves as a link in the registry. Enrolments go on to the API.

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import { WebSocketServer, type WebSocket } from 'ws';

import type { Logger } from '../../shared/log.ts';
import { addressBucket } from '../../shared/net-address.ts';
import type { PortSharing } from '../../shared/listen-address.ts';
import { FramePipe } from '../../shared/mux/frame-pipe.ts';
import type { SessionEnd } from '../../shared/mux/session.ts';
import type { SendStalls } from '../../shared/mux/stalls.ts';
import { acceptHandshake } from '../../shared/mux/handshake.ts';
import { maxMessageBytes, websocketTransport } from '../../shared/mux/websocket-transport.ts';
import { highestResetCode, type GoawayReason } from '../../shared/wire/codes.ts';
import type { Hello, VersionRange, Welcome } from '../../shared/wire/hello.ts';
import { initialStreamWindowBytes } from '../../shared/wire/limits.ts';
import { exporterBytes, exporterLabel, nonceBytes } from '../../shared/wire/proof.ts';
import type { CertificateSource } from '../certificates/store.ts';
import { FailureBudget } from '../tunnels/failure-budget.ts';
import type { KeyHolder } from '../tunnels/registry.ts';
import type { TunnelLink } from '../tunnels/tunnel.ts';
import type { Server as MediaServer } from '../tunnels/server.ts';
import { Arrivals } from './arrivals.ts';
import { AgentLink, type Queued } from './agent-link.ts';
import { authenticate, type AgentStore, type ConnectionFacts } from './authenticate.ts';
import { Door, type Peer, type PeerReader } from './door.ts';
import { isPeersFault, logLevelOf } from './fault.ts';
import { GrowthShares } from './growth-shares.ts';
import { arrivalKind, noCounts, resultOf, type GatewayCounts } from './gateway-counts.ts';
import { defaultGatewayLimits, type GatewayLimits } from './limits.ts';
import { refuseUpgrade } from './refusal.ts';

export interface GatewayOptions {
  readonly certificates: CertificateSource;
  readonly peers: PeerReader;
  readonly trustedProxies: { has(address: string): boolean };
  /** Host of HUB_PUBLIC_URL: the name that agents sign. */
  readonly hubHost: string;
  readonly store: AgentStore;
  readonly tunnels: {
    attach(serverId: string, link: TunnelLink): void;
    detach(serverId: string, link: TunnelLink): void;
  };
  /** Of each agent that is let in, before he is told so. */
  readonly onAdmitted?: (server: MediaServer) => void;
  /** A later process with this agent's key is connected: the newcomer is turned away, and both are told of. */
  readonly isOutranked?: (serverId: string, newcomer: KeyHolder) => boolean;
  /** Public URLs of a server, for the agent to print. */
  readonly addressesOf: (server: MediaServer) => readonly string[];
  /** Requests that are no tunnel: enrolment, and an answer for the curious. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly ping: { readonly intervalMs: number; readonly deadlineMs: number };
  /** While it is true no agent is let in. */
  readonly overload: { readonly refusesAgents: boolean };
  /** Addresses whose connections end before they begin. Absent: none. */
  readonly isTurnedAway?: (address: string) => boolean;
  /** Told which limit turned somebody away. */
  readonly onLimit?: (limit: string, who: string) => void;
  readonly log: Logger;
  readonly limits?: GatewayLimits;
  /** Of the wire; what this program speaks, if left out. */
  readonly versions?: VersionRange;
  /** See Welcome. */
  readonly highestResetCode?: number;
  readonly watcher?: LinkWatcher;
  readonly counts?: GatewayCounts;
  /** Told how often and how long bytes for agents waited. */
  readonly stalls?: SendStalls;
}

/** Who keeps account of servers that come and go. */
interface LinkWatcher {
  /** True: it is the server's first. */
  linked(serverId: string, link: AgentLink, facts: { software: string; address: string }): boolean;
  /** `reason` undefined: the agent was asked to move, and did. */
  unlinked(serverId: string, link: AgentLink, reason: string | undefined): void;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #log: Logger;
  readonly #counts: GatewayCounts;
  readonly #door: Door;
  readonly #http: Server;
  readonly #websockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  readonly #peers = new WeakMap<Duplex, Peer>();
  readonly #failures: FailureBudget;
  readonly #arrivals: Arrivals;
  readonly #links = new Set<AgentLink>();
  readonly #growth = new GrowthShares();
  #isClosing = false;
  #onMoved: () => void = () => undefined;
  #onEmpty: () => void = () => undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultGatewayLimits;
    this.#log = options.log;
    this.#counts = options.counts ?? noCounts;
    this.#failures = new FailureBudget({
      limit: this.#limits.failuresPerMinute,
      windowMs: 60_000,
    });
    this.#arrivals = new Arrivals({ perSecond: this.#limits.arrivalsPerSecond });
    this.#http = createServer({ maxHeaderSize: maxHeadBytes }, options.onRequest);
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('clientError', (_error, socket) => socket.destroy());
    this.#door = new Door({
      ...options,
      limits: this.#limits,
      onTls: this.#counts.tls,
      onSecure: (socket, peer) => {
        this.#peers.set(socket, peer);
        this.#http.emit('connection', socket);
      },
    });
  }

  /**
   * Agents that were asked to move since the last time, and did, may be asked again.
   * @throws ListenAddressError, or the error of bind
   */
  async listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    const bound = await this.#door.listen(address, sharing);
    this.#isClosing = false;
    for (const link of this.#links) link.stay();
    return bound;
  }

  /** Ends the connections of whoever is not to be here any more. */
  cut(isBanned: (address: string) => boolean): void {
    this.#door.cut(isBanned);
  }

  /** Takes no more agents: whoever dials now reaches another process, or comes back. `listen` takes them again. */
  stopListening(): void {
    this.#isClosing = true;
    this.#door.close();
  }

  /** Asks agents to open another link before this process drains (rule P54). Resolves when all have, or at the deadline. */
  async moveLinks(
    deadlineMs: number,
    isAsked: (link: AgentLink) => boolean = () => true,
  ): Promise<{ links: number; moved: number }> {
    const asked = [...this.#links].filter(isAsked);
    const settled = Promise.withResolvers<void>();
    const onMoved = (): void => {
      if (asked.every((link) => link.hasMoved || !this.#links.has(link))) settled.resolve();
    };
    this.#onMoved = onMoved;
    for (const link of asked) link.askToMove();
    const deadline = setTimeout(settled.resolve, deadlineMs);
    this.#onMoved();
    await settled.promise;
    if (this.#onMoved === onMoved) this.#onMoved = () => undefined;
    clearTimeout(deadline);
    return { links: asked.length, moved: asked.filter((link) => link.hasMoved).length };
  }

  /** Ends every link: running streams may finish for `drainMs`, then what is left is cut. */
  async close(drainMs: number): Promise<void> {
    this.stopListening();
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const deadline = setTimeout(() => {
      for (const link of this.#links) link.destroy();
    }, drainMs);
    for (const link of this.#links) link.end('draining');
    if (this.#links.size > 0) await emptied;
    clearTimeout(deadline);
    this.#door.destroyAll();
    this.#http.close();
  }

  /** An agent that came in by the visitors' door, where its network lets nothing out but 443. */
  readonly onUpgrade = (
    request: IncomingMessage,
    socket: Socket,
    firstBytes: Buffer,
    address: string,
  ): void => {
    // A proxy ended TLS (HUB_TLS=proxy): what an agent signs would be bound to nothing.
    if (!(socket instanceof TLSSocket))
      return refuseUpgrade(socket, request.url === '/tunnel' ? 426 : 404);
    const vouch = (): number => this.#limits.authenticationTimeoutMs;
    this.#door.adopt(socket);
    this.#peers.set(socket, { address, bucket: addressBucket(address), isGuest: true, vouch });
    this.#upgrade(request, socket, firstBytes);
  };

  get streamCount(): number {
    return [...this.#links].reduce((sum, link) => sum + link.streamCount, 0);
  }

  get linkCount(): number {
    return this.#links.size;
  }

  get queued(): Queued {
    const queued = { inFlight: 0, unsent: 0, unread: 0 };
    for (const link of this.#links) link.addQueued(queued);
    return queued;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', ignore);
    const peer = this.#peers.get(socket);
    if (peer === undefined) return void socket.destroy();
    // Known by whoever goes on from here: of an agent that stays for weeks nothing is kept that nobody asks for.
    this.#peers.delete(socket);
    if (request.url !== '/tunnel') return refuseUpgrade(socket, 404);
    // A page in somebody's browser: what it does wrong would be counted against the agents of his house.
    if (request.headers.origin !== undefined) return refuseUpgrade(socket, 403);
    // The signature is bound to an exporter that only TLS 1.3 makes safe without more (RFC 9266 §4.2).
    if ((socket as TLSSocket).getProtocol() !== 'TLSv1.3') return refuseUpgrade(socket, 426);
    if (this.#isClosing) return this.#putOff(socket, 503, 1);
    const waitMs = this.#failures.waitMs(peer.bucket);
    if (waitMs > 0) {
      this.#options.onLimit?.('HUB_LIMIT_AGENT_FAILURES', peer.bucket);
      return this.#putOff(socket, 429, Math.ceil(waitMs / 1000));
    }
    if (this.#options.overload.refusesAgents) return this.#putOff(socket, 503, overloadWaitSeconds);
    const waitSeconds = this.#arrivals.admit(peer.bucket);
    if (waitSeconds > 0) return this.#putOff(socket, 503, waitSeconds);
    return this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      void this.#accept(websocket, socket as TLSSocket, peer);
    });
  }

  #putOff(socket: Duplex, status: 429 | 503, seconds: number): void {
    this.#counts.handshake('put-off', undefined);
    refuseUpgrade(socket, status, seconds);
  }

  /** Cannot reject: whatever a stranger does is his failure. */
  async #accept(websocket: WebSocket, socket: TLSSocket, peer: Peer): Promise<void> {
    const pipe = new FramePipe(websocketTransport(websocket));
    let admitted: Admitted | undefined;
    let version: number | undefined;
    try {
      const facts = {
        hubHost: this.#options.hubHost,
        nonce: randomBytes(nonceBytes),
        // Throws when the answer to the upgrade met a connection that was already gone.
        exporter: socket.exportKeyingMaterial(exporterBytes, exporterLabel, emptyContext),
      };
      const { versions } = this.#options;
      const { hello, welcome } = await acceptHandshake(pipe, {
        nonce: facts.nonce,
        ...(versions && { versions }),
        deadlineMs: peer.vouch(),
        authorise: async (hello) => {
          version = hello.version;
          const verdict = await this.#admit(facts, hello, peer.address);
          if ('refuse' in verdict) return verdict;
          admitted = verdict;
          return { welcome: verdict.welcome };
        },
      });
      this.#counts.handshake('ok', version);
      if (admitted !== undefined) this.#attach(pipe, admitted, { hello, welcome, peer });
    } catch (error) {
      this.#counts.handshake(resultOf(error), version);
      if (isPeersFault(error)) this.#failures.note(peer.bucket);
      this.#log[logLevelOf(error)]({ err: error, address: peer.address }, 'agent refused');
    }
  }

  async #admit(
    facts: ConnectionFacts,
    hello: Hello,
    address: string,
  ): Promise<Admitted | { refuse: GoawayReason; message: string }> {
    const { store, addressesOf, ping } = this.#options;
    try {
      const verdict = await authenticate(store, facts, hello);
      if ('refuse' in verdict) return verdict;
      const maxLinks = this.#limits.linksPerAgent;
      if (hello.slot >= maxLinks) {
        return { refuse: 'overloaded', message: `an agent may have ${maxLinks} links to this hub` };
      }
      const { server, agentId } = verdict;
      if (this.#options.isOutranked?.(server.id, { agentId, epoch: hello.epoch, address }) === true)
        return { refuse: 'replaced', message: 'a later agent with this key is connected' };
      const welcome: Welcome = {
        initialWindowBytes: initialStreamWindowBytes,
        pingIntervalMs: ping.intervalMs,
        pingDeadlineMs: ping.deadlineMs,
        addresses: addressesOf(server),
        maxLinks,
        highestResetCode: this.#options.highestResetCode ?? highestResetCode,
      };
      const admission = await store.nextEpoch();
      this.#options.onAdmitted?.(server);
      return { ...verdict, welcome, admission };
    } catch (error) {
      // The database is away: the agent comes back, and it is not its fault.
      this.#log.error({ err: error }, 'authentication failed in the hub');
      return { refuse: 'internal', message: 'the hub cannot look up agents now' };
    }
  }

  #attach(pipe: FramePipe, admitted: Admitted, accepted: Accepted): void {
    const { server, agentId, admission } = admitted;
    const { tunnels } = this.#options;
    const log = this.#log.child({ serverId: server.id, link: String(admission) });
    const { address, isGuest } = accepted.peer;
    const link: AgentLink = new AgentLink(pipe, {
      hello: accepted.hello,
      welcome: accepted.welcome,
      agentId,
      admission,
      address,
      isGuest,
      maxStreams: this.#limits.streamsPerSession,
      growth: this.#growth.take(server.id),
      stalls: this.#options.stalls,
      onRetired: () => tunnels.detach(server.id, link),
      onMoved: () => this.#onMoved(),
      onClosed: (end) => {
        this.#links.delete(link);
        this.#growth.giveBack(server.id);
        this.#onMoved();
        this.#touch(server.id);
        const reason = reasonOf(link, end);
        this.#counts.closed(reason ?? 'moved');
        this.#options.watcher?.unlinked(server.id, link, reason);
        log.info(
          { reason: end.reason, ...(end.error && { err: end.error }) },
          'agent disconnected',
        );
        if (this.#links.size === 0) this.#onEmpty();
      },
    });
    this.#links.add(link);
    const { software, slot } = accepted.hello;
    log.info({ address, agentId, software, slot, server: server.name }, 'agent connected');
    if (this.#isClosing) return link.end('draining');
    // First, for the registry may turn it away at once.
    const isFirst = this.#options.watcher?.linked(server.id, link, { software, address });
    this.#counts.opened(arrivalKind(server, isFirst === true));
    tunnels.attach(server.id, link);
    this.#touch(server.id);
  }

  #touch(serverId: string): void {
    this.#options.store.touch(serverId, new Date()).catch((error: unknown) => {
      this.#log.warn({ err: error, serverId }, 'last seen not stored');
    });
  }
}

/** For the server's owner. */
function reasonOf(link: AgentLink, { reason }: SessionEnd): string | undefined {
  if (link.hasMoved) return undefined;
  return link.isLeaving ? 'stopped' : (reason ?? 'line-lost');
}

interface Admitted {
  readonly server: MediaServer;
  readonly agentId: string;
  readonly admission: bigint;
  readonly welcome: Welcome;
}

interface Accepted {
  readonly hello: Hello;
  readonly welcome: Welcome;
  readonly peer: Peer;
}

/** Memory falls within seconds once exchanges are shed. */
const overloadWaitSeconds = 10;

/** An upgrade and an enrolment have a dozen fields. */
const maxHeadBytes = 8 * 1024;

const emptyContext = Buffer.alloc(0);

function ignore(): void {}
