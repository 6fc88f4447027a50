// Links of one server's agent arrive; those that may stay are what the edge opens a visitor's streams on, now or as soon as there is one.

import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { GoawayReason, ResetReason } from '../../shared/wire/codes.ts';
import type { OriginProtocol } from '../../shared/wire/hello.ts';
import type { Server, ServerSwitches } from './server.ts';

/** One stream through a tunnel: a byte pipe to one connection at the origin. */
export type TunnelStream = Duplex & { reset(reason: ResetReason): void };

/** What the edge sees of a link. */
export interface LiveLink {
  /** `opening`: what the agent is told of it (shared/wire/opening.ts). @throws StreamError stream.refused */
  openStream(opening?: Buffer): TunnelStream;
  /** Aborted when the link takes no new streams: it drains or is gone. */
  readonly retired: AbortSignal;
  readonly originProtocol: OriginProtocol;
  /** A stream is one visitor's, and the agent is told whose. */
  readonly wantsClientAddress?: boolean;
  /** Streams it carries, the idle ones among them. */
  readonly streamCount: number;
  /** Bytes sent to the agent that it has not acknowledged. */
  readonly inFlightBytes: number;
}

/** The gateway's side of an agent's session. */
export interface TunnelLink extends LiveLink {
  /** Ends the session, saying why; `text` is for the agent's log. The gateway calls `detach` afterwards as for any other end. */
  end(reason: GoawayReason, text?: string): void;
  /** Asks the agent to open another link before this one ends (rule P54). */
  askToMove(): void;
  /** Tells the agent the public addresses of its server. */
  announce(addresses: readonly string[]): void;
  /** Asks the agent to look at itself, and to tell what it finds (rule P56). */
  askToCheckUp(): void;
  /** From the database's sequence, in the order of admission. */
  readonly admission: bigint;
  /** The agent's process: a later one has a higher epoch (rule P14). */
  readonly epoch: bigint;
  /** Which of that process's links, from 0. */
  readonly slot: number;
  /** Whose key opened it: a server whose key is replaced keeps only the links of the new one. */
  readonly agentId: string;
  /** Where the agent dialled from. */
  readonly address: string;
  /** It was asked to move: its successor lets it finish what it carries (rule P54). */
  readonly isMoving: boolean;
  /** The agent itself said that it goes. */
  readonly isLeaving: boolean;
}

/** What the edge sees of a server. One object for as long as the server lives, whether it is connected or not. */
export interface LiveTunnel {
  readonly serverId: string;
  readonly switches: ServerSwitches;
  /** Undefined for a server that enrolled a moment ago. */
  readonly ownerId: string | undefined;
  /** Server.newOwnerSince, as it was read last. */
  readonly newOwnerSince: Date | undefined;
  /** Those that take streams. None: the server is offline. */
  readonly links: readonly LiveLink[];
  /** The operator keeps every visitor from it: it has no link, and awaits none. */
  readonly isSuspended: boolean;
  /** Without a link: how much longer the next one is likely to come. Milliseconds; 0 when nobody expects one. */
  readonly awaitedMs: number;
  /** As soon as there is one, at once when there is; undefined when the signal aborts or the server's life ends. */
  nextLink(signal: AbortSignal): Promise<LiveLink | undefined>;
}

export class Tunnel implements LiveTunnel {
  readonly serverId: string;
  #server: Server | undefined;
  #switches: ServerSwitches;
  #links: readonly TunnelLink[] = [];
  readonly #waiting = new Set<(link: LiveLink | undefined) => void>();
  readonly #graceMs: number;
  #awaitedUntilMs = 0;
  #isClosed = false;

  /** `graceMs`: how long a lost link is expected to be replaced. */
  constructor(serverId: string, switches: ServerSwitches, graceMs: number) {
    this.serverId = serverId;
    this.#switches = switches;
    this.#graceMs = graceMs;
  }

  get awaitedMs(): number {
    return Math.max(0, this.#awaitedUntilMs - performance.now());
  }

  /** From now on a link is likely to come. */
  await(): void {
    this.#awaitedUntilMs = performance.now() + this.#graceMs;
  }

  /** As it was read last; undefined for one that enrolled a moment ago. */
  get server(): Server | undefined {
    return this.#server;
  }

  set server(server: Server) {
    this.#server = server;
    this.#switches = server.switches;
    if (this.isSuspended) this.#shut();
  }

  get isSuspended(): boolean {
    return this.#server?.suspension !== undefined;
  }

  get ownerId(): string | undefined {
    return this.#server?.ownerId;
  }

  get newOwnerSince(): Date | undefined {
    return this.#server?.newOwnerSince;
  }

  get switches(): ServerSwitches {
    return this.#switches;
  }

  get links(): readonly TunnelLink[] {
    return this.#links;
  }

  nextLink(signal: AbortSignal): Promise<LiveLink | undefined> {
    const [first] = this.#links;
    const isInVain = this.#isClosed || this.isSuspended;
    if (first !== undefined || signal.aborted || isInVain) return Promise.resolve(first);
    return new Promise((resolve) => {
      const settle = (link: LiveLink | undefined): void => {
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', giveUp);
        resolve(link);
      };
      const giveUp = (): void => settle(undefined);
      signal.addEventListener('abort', giveUp);
      this.#waiting.add(settle);
    });
  }

  /** The link of a later process than this one, which keeps its links out. */
  laterThan(epoch: bigint): TunnelLink | undefined {
    return this.#links.find((link) => link.epoch > epoch);
  }

  /**
   * Links of one process stand side by side, one in each slot. A later process puts an earlier one out; an earlier one
   * that comes back is turned away, so that two agents with one key end in the same order whoever dials last.
   * Returns the rival that outranks the link, for the alarm.
   */
  attach(link: TunnelLink): TunnelLink | undefined {
    if (this.isSuspended) {
      link.end('suspended', this.#server?.suspension?.reason);
      return undefined;
    }
    const outranking = this.#links.find((other) => outranks(other, link));
    if (outranking !== undefined) {
      link.end('replaced');
      return outranking.epoch > link.epoch ? outranking : undefined;
    }
    const former = this.#links.filter((other) => outranks(link, other));
    this.#links = [...this.#links.filter((other) => !former.includes(other)), link];
    for (const other of former) other.end(other.isMoving ? 'draining' : 'replaced');
    for (const settle of this.#waiting) settle(link);
    return undefined;
  }

  detach(link: TunnelLink): void {
    if (!this.#links.includes(link)) return;
    this.#links = this.#links.filter((other) => other !== link);
    // A line that broke is dialled anew within a second; an agent that was stopped is gone.
    if (this.#links.length === 0 && !link.isLeaving && !this.isSuspended) this.await();
  }

  announce(addresses: readonly string[]): void {
    for (const link of this.#links) link.announce(addresses);
  }

  /** False: there is no link to ask over. */
  askToCheckUp(): boolean {
    const [link] = this.#links;
    link?.askToCheckUp();
    return link !== undefined;
  }

  /**
   * Ends the links that another key opened than this one. Those of the process that changed its key come back with the new
   * one, and finish what they carry; a copy of the former key has another epoch.
   */
  keepOnly(agentId: string | undefined, former?: Server['formerKey']): void {
    const others = this.#links.filter((link) => link.agentId !== agentId);
    const replaced = others.filter((link) => link.agentId === former?.agentId);
    const moving = replaced.filter((link) => link.epoch === former?.epoch);
    this.#end(
      replaced.filter((link) => !moving.includes(link)),
      'rotated',
    );
    this.#end(others.filter((link) => !replaced.includes(link)));
    for (const link of moving) this.#move(link);
  }

  /** It has a while to come back with the new key. Then it is told that the line broke, and dials with that. */
  #move(link: TunnelLink): void {
    if (link.isMoving) return;
    link.askToMove();
    setTimeout(() => {
      if (this.#links.includes(link)) this.#end([link], 'internal');
    }, moveGraceMs).unref();
  }

  /** The server's life is over: whoever waits for it waits in vain. */
  close(): void {
    this.#isClosed = true;
    this.#end(this.#links);
    for (const settle of this.#waiting) settle(undefined);
  }

  /** Until its operator opens it again: what runs is cut, and whoever waits for it waits in vain. */
  #shut(): void {
    this.#awaitedUntilMs = 0;
    this.#end(this.#links, 'suspended', this.#server?.suspension?.reason);
    for (const settle of this.#waiting) settle(undefined);
  }

  #end(links: readonly TunnelLink[], reason: GoawayReason = 'revoked', text?: string): void {
    this.#links = this.#links.filter((link) => !links.includes(link));
    for (const link of links) link.end(reason, text);
  }
}

/** A dial takes a second. Whoever should have copied the epoch as well is out after this. */
const moveGraceMs = 5000;

function outranks(one: TunnelLink, other: TunnelLink): boolean {
  if (one === other) return false;
  if (one.epoch !== other.epoch) return one.epoch > other.epoch;
  return one.slot === other.slot && one.admission > other.admission;
}
