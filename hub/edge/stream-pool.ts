// Streams whose exchange ended cleanly arrive; the next request to the same tunnel takes one instead of opening another.

import { OriginConnection } from './origin-connection.ts';
import type { OriginStream } from './origin-connection.ts';

/** What the edge needs of a live tunnel. */
export interface Tunnel {
  /** @throws StreamError stream.refused */
  openStream(): OriginStream;
  /** Aborted once it is not to be found any more: its link drains, and waits for the streams that are left. */
  readonly retired?: AbortSignal;
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

const pools = new WeakMap<Tunnel, StreamPool>();

/** The pool of this tunnel and of no other: it lives as long as the tunnel does. */
export function poolOf(tunnel: Tunnel): StreamPool {
  let pool = pools.get(tunnel);
  if (pool === undefined) {
    pool = new StreamPool(tunnel);
    pools.set(tunnel, pool);
  }
  return pool;
}

/** Needs no closing: it empties itself when its tunnel is retired, and a stream that ends with its link leaves it. */
export class StreamPool {
  readonly #tunnel: Tunnel;
  /** Ordered by expiry. The last one in is the first one out: it is the least likely to be closing. */
  readonly #idle: IdleConnection[] = [];
  #sweep: NodeJS.Timeout | undefined;

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
    tunnel.retired?.addEventListener('abort', () => this.#retireAll(), { once: true });
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** A fresh connection. @throws StreamError stream.refused */
  open(): OriginConnection {
    return new OriginConnection(this.#tunnel.openStream());
  }

  /** A connection that carried an exchange before, if one is waiting. */
  take(): OriginConnection | undefined {
    const now = performance.now();
    for (;;) {
      const last = this.#idle.pop();
      if (last === undefined) return undefined;
      last.connection.use(undefined);
      if (last.expiresAt > now && last.connection.isUsable) return last.connection;
      last.connection.reset('cancelled');
    }
  }

  /** Takes back a connection on which nothing is outstanding. */
  give(connection: OriginConnection): void {
    if (this.#tunnel.retired?.aborted === true) {
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
