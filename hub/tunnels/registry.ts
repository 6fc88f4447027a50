// Links of agents and changes of servers arrive; the answer to "who serves this hostname now?" leaves, without asking the database.

import type { Duplex } from 'node:stream';
import type { GoawayReason, ResetReason } from '../../shared/wire/codes.ts';
import { hostnameOf } from './hostname.ts';
import type { Server, ServerStore } from './server.ts';

/** One stream through a tunnel: a byte pipe to one connection at the origin. */
export type TunnelStream = Duplex & { reset(reason: ResetReason): void };

/** The gateway's side of an agent's session. */
export interface TunnelLink {
  openStream(): TunnelStream;
  /** Ends the session, saying why. The gateway calls `detach` afterwards as for any other end. */
  end(reason: GoawayReason): void;
  /** Tells the agent the public addresses of its server. */
  announce(addresses: string[]): void;
  /** From the database's sequence: of two links of one server the higher is the newer. */
  readonly epoch: bigint;
  /** Whose key opened it: a server whose key is replaced keeps only the links of the new one. */
  readonly agentId: string;
}

export interface LiveTunnel {
  readonly serverId: string;
  readonly hostname: string;
  openStream(): TunnelStream;
  /** Aborted when `find` no longer returns it: the link drains or is gone, or the name went elsewhere. */
  readonly retired: AbortSignal;
}

export type Found =
  | { readonly state: 'online'; readonly tunnel: LiveTunnel }
  | { readonly state: 'offline'; readonly serverId: string; readonly name: string };

export interface TunnelState {
  readonly serverId: string;
  readonly name: string;
  readonly hostname: string | undefined;
  readonly isOnline: boolean;
}

/** Notifications come at once; this is the net under one that was lost without its connection breaking. */
const recheckMs = 60_000;

export class Tunnels {
  readonly #store: ServerStore;
  readonly #tenantDomain: string;
  readonly #addressOf: (hostname: string) => string;
  readonly #onFailure: (error: unknown) => void;
  readonly #recheckMs: number;
  readonly #servers = new Map<string, Server>();
  readonly #links = new Map<string, TunnelLink>();
  readonly #byHostname = new Map<string, Entry>();
  #isRunning = false;
  #stopWatching: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Reads of the store run one after the other: an older answer must not overwrite a newer one. */
  #reading: Promise<void> = Promise.resolve();

  constructor(options: {
    store: ServerStore;
    tenantDomain: string;
    /** The public URL of a hostname, with the port that visitors use. */
    addressOf: (hostname: string) => string;
    /** A change could not be read from the store; it is tried again. */
    onFailure: (error: unknown) => void;
    recheckMs?: number;
  }) {
    this.#store = options.store;
    this.#tenantDomain = options.tenantDomain;
    this.#addressOf = options.addressOf;
    this.#onFailure = options.onFailure;
    this.#recheckMs = options.recheckMs ?? recheckMs;
  }

  /** Resolves when every name is known and no change can be missed any more. */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#stopWatching = await this.#store.watch((serverId) => this.#onChange(serverId));
    await this.#loadAll();
    this.#recheckLater();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    await this.#stopWatching?.();
    await this.#reading;
  }

  /** `hostname` in lower case, without port and without the root's dot. undefined: no server has this name. */
  find(hostname: string): Found | undefined {
    return this.#byHostname.get(hostname);
  }

  /** Public URLs of a server: what the agent prints, in the welcome and after a rename. */
  addressesOf(serverId: string): string[] {
    const hostname = this.#hostname(this.#servers.get(serverId));
    return hostname === undefined ? [] : [this.#addressOf(hostname)];
  }

  /** The gateway brings an authenticated link. Of two links of one server the newer one stays. */
  attach(serverId: string, link: TunnelLink): void {
    const former = this.#links.get(serverId);
    if (former !== undefined && former.epoch > link.epoch) {
      link.end('replaced');
      return;
    }
    this.#links.set(serverId, link);
    const server = this.#servers.get(serverId);
    if (server?.agentId !== link.agentId) {
      // Enrolled a moment ago, or revoked a moment ago: the store knows which.
      this.#onChange(serverId);
    } else {
      this.#publish(server);
    }
    if (former !== link) {
      former?.end('replaced');
    }
  }

  /** A link has ended. That of a replaced link changes nothing. */
  detach(serverId: string, link: TunnelLink): void {
    if (this.#links.get(serverId) === link) {
      this.#links.delete(serverId);
      const server = this.#servers.get(serverId);
      if (server !== undefined) {
        this.#publish(server);
      }
    }
  }

  list(): TunnelState[] {
    return [...this.#servers.values()].map((server) => ({
      serverId: server.id,
      name: server.name,
      hostname: this.#hostname(server),
      isOnline: this.#links.has(server.id),
    }));
  }

  #onChange(serverId: string | undefined): void {
    const read = serverId === undefined ? () => this.#loadAll() : () => this.#load(serverId);
    this.#reading = this.#reading.then(read).catch((error: unknown) => {
      this.#onFailure(error);
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
    const server = await this.#store.find(serverId);
    if (server === undefined || server.revokedAt !== undefined) {
      this.#forget(serverId);
    } else {
      this.#learn(server);
    }
  }

  async #loadAll(): Promise<void> {
    // Links attached while the list is on its way may be of servers younger than the list.
    const linked = [...this.#links.keys()];
    const living = await this.#store.list();
    const ids = new Set(living.map((server) => server.id));
    for (const id of [...this.#servers.keys(), ...linked]) {
      if (!ids.has(id)) {
        this.#forget(id);
      }
    }
    for (const server of living) {
      this.#learn(server);
    }
    this.#recheckLater();
  }

  #learn(server: Server): void {
    const former = this.#servers.get(server.id);
    this.#servers.set(server.id, server);
    const link = this.#links.get(server.id);
    if (link !== undefined && link.agentId !== server.agentId) {
      this.#cut(server.id);
    }
    if (former?.label !== server.label) {
      this.#unpublish(former);
    }
    this.#publish(server);
    if (former === undefined || former.label !== server.label) {
      this.#links.get(server.id)?.announce(this.addressesOf(server.id));
    }
  }

  #forget(serverId: string): void {
    this.#unpublish(this.#servers.get(serverId));
    this.#servers.delete(serverId);
    this.#cut(serverId);
  }

  #cut(serverId: string): void {
    const link = this.#links.get(serverId);
    this.#links.delete(serverId);
    link?.end('revoked');
  }

  #publish(server: Server): void {
    const hostname = this.#hostname(server);
    if (hostname === undefined) {
      return;
    }
    const link = this.#links.get(server.id);
    const former = this.#byHostname.get(hostname);
    if (link === undefined) {
      this.#byHostname.set(hostname, { state: 'offline', serverId: server.id, name: server.name });
      retire(former);
    } else if (former?.state !== 'online' || !former.tunnel.isOver(link)) {
      // One object for as long as the link lasts: the edge keeps its pool of idle streams by it.
      this.#byHostname.set(hostname, {
        state: 'online',
        tunnel: new LinkedTunnel(server.id, hostname, link),
      });
      retire(former);
    }
  }

  /** A label may have gone to another server before this one's change was read: only its own entry goes. */
  #unpublish(server: Server | undefined): void {
    const hostname = this.#hostname(server);
    const found = hostname === undefined ? undefined : this.#byHostname.get(hostname);
    if (hostname !== undefined && found !== undefined && serverIdOf(found) === server?.id) {
      this.#byHostname.delete(hostname);
      retire(found);
    }
  }

  #hostname(server: Server | undefined): string | undefined {
    return server?.label === undefined ? undefined : hostnameOf(server.label, this.#tenantDomain);
  }
}

class LinkedTunnel implements LiveTunnel {
  readonly serverId: string;
  readonly hostname: string;
  readonly #link: TunnelLink;
  readonly #retirement = new AbortController();

  constructor(serverId: string, hostname: string, link: TunnelLink) {
    this.serverId = serverId;
    this.hostname = hostname;
    this.#link = link;
  }

  openStream(): TunnelStream {
    return this.#link.openStream();
  }

  get retired(): AbortSignal {
    return this.#retirement.signal;
  }

  retire(): void {
    this.#retirement.abort();
  }

  isOver(link: TunnelLink): boolean {
    return this.#link === link;
  }
}

type Entry = Exclude<Found, { state: 'online' }> | { state: 'online'; tunnel: LinkedTunnel };

function retire(former: Entry | undefined): void {
  if (former?.state === 'online') former.tunnel.retire();
}

function serverIdOf(found: Found): string {
  return found.state === 'online' ? found.tunnel.serverId : found.serverId;
}
