// Links of agents and changes of servers arrive; the answer to "who serves this hostname now?" leaves, without asking the database.

import { hostnameOf } from './hostname.ts';
import { defaultSwitches, type Server, type ServerStore, type ServerSwitches } from './server.ts';
import { Tunnel, type LiveTunnel, type TunnelLink } from './tunnel.ts';

/** Notifications come at once; this is the net under one that was lost without its connection breaking. */
const recheckMs = 60_000;

export interface TunnelsOptions {
  readonly store: ServerStore;
  readonly tenantDomain: string;
  /** Hostnames outside of it that owners have proven to be theirs. */
  readonly domains?: { serverOf(hostname: string): string | undefined };
  /** Public URLs of a server, for its agent to print. */
  readonly addressesOf: (server: Server) => readonly string[];
  /** A change could not be read from the store; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  /** Two agents run with one key: the loser was turned away because of the winner. */
  readonly onRivals: (serverId: string, rivals: Rivals) => void;
  /** It has another owner now, and no agent until he adds one. */
  readonly onTransferred?: (former: Server, server: Server) => void;
  /** How long a server whose line broke, or whose hub has just started, is expected back. */
  readonly graceMs: number;
  readonly recheckMs?: number;
}

/** Whoever holds an agent's key. */
export type KeyHolder = Pick<TunnelLink, 'agentId' | 'epoch' | 'address'>;

export interface Rivals {
  readonly loser: KeyHolder;
  readonly winner: KeyHolder;
}

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #recheckMs: number;
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #byHostname = new Map<string, Tunnel>();
  #isRunning = false;
  #stopWatching: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Reads of the store run one after the other: an older answer must not overwrite a newer one. */
  #reading: Promise<void> = Promise.resolve();

  constructor(options: TunnelsOptions) {
    this.#options = options;
    this.#recheckMs = options.recheckMs ?? recheckMs;
  }

  /** Resolves when every name is known and no change can be missed any more. */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#stopWatching = await this.#options.store.watch((serverId) => this.#onChange(serverId));
    await this.#loadAll();
    this.expectAgents();
    this.#recheckLater();
  }

  /** Those that are not here have lost the former hub and are dialling; visitors come back sooner than they. */
  expectAgents(): void {
    for (const tunnel of this.#tunnels.values()) {
      if (tunnel.server?.lastSeenAt !== undefined && tunnel.links.length === 0) tunnel.await();
    }
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    await this.#stopWatching?.();
    await this.#reading;
  }

  /** `hostname` in lower case, without port and without the root's dot. undefined: no server has this name. */
  find(hostname: string): LiveTunnel | undefined {
    return this.#byHostname.get(hostname) ?? this.#findByDomain(hostname);
  }

  /** Every server, for monitoring. */
  *census(): Generator<{
    serverId: string;
    hostname: string | undefined;
    isEnrolled: boolean;
    isSuspended: boolean;
    isConnected: boolean;
  }> {
    for (const { serverId, server, links } of this.#tunnels.values())
      yield {
        serverId,
        hostname: this.#hostname(server),
        isEnrolled: server?.agentId !== undefined,
        isSuspended: server?.suspension !== undefined,
        isConnected: links.length > 0,
      };
  }

  /** Its addresses are others now: its agent prints them. */
  announce(serverId: string): void {
    const tunnel = this.#tunnels.get(serverId);
    if (tunnel?.server !== undefined) tunnel.announce(this.#options.addressesOf(tunnel.server));
  }

  /** False: its agent is not connected here. */
  askToCheckUp(serverId: string): boolean {
    return this.#tunnels.get(serverId)?.askToCheckUp() ?? false;
  }

  /** Its agent is about to be told its addresses: whoever he tells must find it, though the store's word is still on its way. */
  introduce(server: Server): void {
    if (this.#tunnels.get(server.id)?.server === undefined) this.#learn(server);
  }

  /** A later process of this agent is here. Asked before a link is made, so that one that stands by costs nobody anything. */
  isOutranked(serverId: string, loser: KeyHolder): boolean {
    const winner = this.#tunnels.get(serverId)?.laterThan(loser.epoch);
    if (winner === undefined) return false;
    // Another key: the store knows which of the two is the server's, and ends the other.
    if (winner.agentId !== loser.agentId) {
      this.#onChange(serverId);
      return false;
    }
    this.#options.onRivals(serverId, { loser, winner });
    return true;
  }

  /** The gateway brings an authenticated link. */
  attach(serverId: string, link: TunnelLink): void {
    const tunnel = this.#tunnels.get(serverId) ?? this.#add(serverId, defaultSwitches);
    const winner = tunnel.attach(link);
    if (winner !== undefined) this.#options.onRivals(serverId, { loser: link, winner });
    // Enrolled a moment ago, or revoked a moment ago: the store knows which.
    if (tunnel.server?.agentId !== link.agentId) this.#onChange(serverId);
  }

  /** A link has ended or drains. One that was turned away or replaced changes nothing. */
  detach(serverId: string, link: TunnelLink): void {
    this.#tunnels.get(serverId)?.detach(link);
  }

  #findByDomain(hostname: string): Tunnel | undefined {
    const serverId = this.#options.domains?.serverOf(hostname);
    return serverId === undefined ? undefined : this.#tunnels.get(serverId);
  }

  #onChange(serverId: string | undefined): void {
    const read = serverId === undefined ? () => this.#loadAll() : () => this.#load(serverId);
    this.#reading = this.#reading.then(read).catch((error: unknown) => {
      this.#options.onFailure(error);
      this.#recheckLater(Math.min(this.#recheckMs, 1000));
    });
  }

  #recheckLater(delayMs: number = this.#recheckMs): void {
    clearTimeout(this.#timer);
    if (this.#isRunning) {
      this.#timer = setTimeout(() => this.#onChange(undefined), delayMs);
    }
  }

  async #load(serverId: string): Promise<void> {
    const server = await this.#options.store.find(serverId);
    if (server === undefined || server.revokedAt !== undefined) {
      this.#forget(serverId);
    } else {
      this.#learn(server);
    }
  }

  async #loadAll(): Promise<void> {
    // Links attached while the list is on its way may be of servers younger than the list.
    const known = [...this.#tunnels.keys()];
    const living = await this.#options.store.list();
    const ids = new Set(living.map((server) => server.id));
    for (const id of known) {
      if (!ids.has(id)) this.#forget(id);
    }
    for (const server of living) this.#learn(server);
    this.#recheckLater();
  }

  #learn(server: Server): void {
    const tunnel = this.#tunnels.get(server.id) ?? this.#add(server.id, server.switches);
    const former = tunnel.server;
    tunnel.server = server;
    if (former !== undefined && former.ownerId !== server.ownerId)
      this.#options.onTransferred?.(former, server);
    tunnel.keepOnly(server.agentId, server.formerKey);
    const isMoved = former?.label !== server.label;
    if (isMoved) this.#unpublish(tunnel, former);
    const hostname = this.#hostname(server);
    if (hostname !== undefined) this.#byHostname.set(hostname, tunnel);
    if (former === undefined || isMoved) tunnel.announce(this.#options.addressesOf(server));
  }

  #add(serverId: string, switches: ServerSwitches): Tunnel {
    const tunnel = new Tunnel(serverId, switches, this.#options.graceMs);
    this.#tunnels.set(serverId, tunnel);
    return tunnel;
  }

  #forget(serverId: string): void {
    const tunnel = this.#tunnels.get(serverId);
    if (tunnel === undefined) return;
    this.#unpublish(tunnel, tunnel.server);
    this.#tunnels.delete(serverId);
    tunnel.close();
  }

  /** A label may have gone to another server before this one's change was read: only its own entry goes. */
  #unpublish(tunnel: Tunnel, former: Server | undefined): void {
    const hostname = this.#hostname(former);
    if (hostname !== undefined && this.#byHostname.get(hostname) === tunnel) {
      this.#byHostname.delete(hostname);
    }
  }

  #hostname(server: Server | undefined): string | undefined {
    return server?.label === undefined
      ? undefined
      : hostnameOf(server.label, this.#options.tenantDomain);
  }
}
