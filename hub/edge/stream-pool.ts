// Streams whose exchange ended cleanly arrive; the next request to the same tunnel takes one instead of opening another.

import type { Buffer } from 'node:buffer';
import { StreamError } from '../../shared/mux/stream.ts';
import type { OriginProtocol } from '../../shared/wire/hello.ts';
import { encodeOpening } from '../../shared/wire/opening.ts';
import type { ReportingLink } from '../usage/meter.ts';
import { H2cSessions } from './h2c/sessions.ts';
import { OriginConnection } from './origin-connection.ts';
import type { OriginStream } from './origin-connection.ts';

/** What the edge needs of a link to an agent. */
export interface Link extends ReportingLink {
  /** `opening`: what the agent is told of it. @throws StreamError stream.refused */
  openStream(opening?: Buffer): OriginStream;
  /** Aborted once it takes no new streams: it drains, and waits for the streams that are left. */
  readonly retired: AbortSignal;
  /** Streams it carries, the idle ones of the pool among them. */
  readonly streamCount: number;
  /** Bytes on their way to the agent. */
  readonly inFlightBytes: number;
  /** What its streams carry: HTTP/1.1 unless the agent said otherwise. */
  readonly originProtocol?: OriginProtocol;
  /** The origin is told each connection's visitor: one connection is never two visitors'. */
  readonly wantsClientAddress?: boolean;
}

/** What the edge needs of a live tunnel. */
export interface Tunnel {
  /** None: the server is offline. */
  readonly links: readonly Link[];
  /** Without a link: how much longer the next one is likely to come, milliseconds. */
  readonly awaitedMs: number;
  /** As soon as there is one, at once when there is; undefined when the signal aborts or the server's life ends. */
  nextLink(signal: AbortSignal): Promise<Link | undefined>;
}

/**
 * As many as a tunnel may have at once (DESIGN, streams per tunnel): a smaller pool would close and reopen connections to
 * the origin exactly when it is busiest. An idle stream holds 12 KB and one socket at the agent, for four seconds.
 */
const maxIdle = 256;

/** Node origins close a connection that has been idle for 5 s; a stream must be gone before it meets that. */
const maxIdleMs = 4000;

interface IdleConnection {
  readonly connection: OriginConnection;
  readonly expiresAt: number;
}

const pools = new WeakMap<Link, StreamPool>();

/** The pool of this link and of no other: it lives as long as the link does. */
export function poolOf(link: Link): StreamPool {
  let pool = pools.get(link);
  if (pool === undefined) {
    pool = new StreamPool(link);
    pools.set(link, pool);
  }
  return pool;
}

/**
 * The pool of the link with the least to do: the fewest running exchanges, then the fewest bytes on their way. What an
 * agent still has to send is not known here, but exchanges are what it comes from.
 * @throws StreamError stream.link-lost when the last link has gone since the tunnel was found
 */
export function leastLoaded(tunnel: Tunnel): StreamPool {
  let least: StreamPool | undefined;
  for (const link of tunnel.links) {
    const pool = poolOf(link);
    if (least === undefined || pool.isLessLoadedThan(least)) least = pool;
  }
  if (least === undefined) throw new StreamError('stream.link-lost', 'the tunnel has no link');
  return least;
}

/** Visitors without a known address are one owner: to the origin they are nobody in particular. */
function ownerOf(clientAddress: string | undefined): string {
  return clientAddress ?? 'unknown';
}

/** Needs no closing: it empties itself when its link is retired, and a stream that ends with its link leaves it. */
export class StreamPool {
  readonly #link: Link;
  /** Instead of connections that wait: sessions of the link's origin, which speaks HTTP/2. */
  readonly sessions: H2cSessions | undefined;
  /** Ordered by expiry. The last one in is the first one out: it is the least likely to be closing. */
  readonly #idle: IdleConnection[] = [];
  #sweep: NodeJS.Timeout | undefined;

  constructor(link: Link) {
    this.#link = link;
    if (link.originProtocol === 'h2c') this.sessions = new H2cSessions(link);
    link.retired.addEventListener('abort', () => this.#retireAll(), { once: true });
  }

  get link(): ReportingLink {
    return this.#link;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  isLessLoadedThan(other: StreamPool): boolean {
    const running = this.#runningCount - other.#runningCount;
    return running === 0 ? this.#link.inFlightBytes < other.#link.inFlightBytes : running < 0;
  }

  get #runningCount(): number {
    return this.sessions?.running ?? this.#link.streamCount - this.#idle.length;
  }

  /** A fresh connection for this visitor. @throws StreamError stream.refused */
  open(clientAddress?: string): OriginConnection {
    if (this.#link.wantsClientAddress !== true)
      return new OriginConnection(this.#link.openStream());
    const stream = this.#link.openStream(encodeOpening({ clientAddress }));
    return new OriginConnection(stream, ownerOf(clientAddress));
  }

  /** A connection that carried an exchange before, if one is waiting that this visitor may use. */
  take(clientAddress?: string): OriginConnection | undefined {
    const now = performance.now();
    const owner = this.#link.wantsClientAddress === true ? ownerOf(clientAddress) : undefined;
    for (;;) {
      const at = this.#idle.findLastIndex(({ connection }) => connection.owner === owner);
      if (at === -1) return undefined;
      const [last] = this.#idle.splice(at, 1);
      if (last === undefined) return undefined;
      last.connection.use(undefined);
      if (last.expiresAt > now && last.connection.isUsable) return last.connection;
      last.connection.reset('cancelled');
    }
  }

  /** Takes back a connection on which nothing is outstanding. */
  give(connection: OriginConnection): void {
    if (this.#link.retired.aborted) {
      connection.retire();
      return;
    }
    if (!connection.isUsable || this.#idle.length >= maxIdle) {
      connection.reset('cancelled');
      return;
    }
    connection.isReused = true;
    // Whatever an idle origin does, a byte nobody asked for included, ends the connection.
    const drop = () => this.#drop(connection);
    connection.use({ onChunk: drop, onEnd: drop, onClosed: drop, onDrain: () => undefined });
    this.#idle.push({ connection, expiresAt: performance.now() + maxIdleMs });
    if (this.#sweep === undefined) this.#scheduleSweep();
  }

  #retireAll(): void {
    clearTimeout(this.#sweep);
    for (const { connection } of this.#idle.splice(0)) connection.retire();
  }

  #drop(connection: OriginConnection): void {
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at !== -1) this.#idle.splice(at, 1);
    connection.reset('cancelled');
  }

  /** One timer for all of them: an idle connection may outlive its time by one interval, `take` does not believe it. */
  #scheduleSweep(): void {
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      const now = performance.now();
      while (this.#idle[0] !== undefined && this.#idle[0].expiresAt <= now) {
        this.#idle.shift()?.connection.retire();
      }
      if (this.#idle.length > 0) this.#scheduleSweep();
    }, maxIdleMs).unref();
  }
}
