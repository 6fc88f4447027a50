// A connection or a request asks to come in; a yes is counted against its address and its tunnel until it is given back.

import type { EdgeLimits } from './limits.ts';

export class Admission {
  readonly #limits: Pick<
    EdgeLimits,
    'connectionsPerAddress' | 'connectionsPerTunnel' | 'streamsPerTunnel'
  >;
  readonly #connectionsByAddress = new Tally();
  readonly #connectionsByTunnel = new Tally();
  readonly #streamsByTunnel = new Tally();

  constructor(
    limits: Pick<EdgeLimits, 'connectionsPerAddress' | 'connectionsPerTunnel' | 'streamsPerTunnel'>,
  ) {
    this.#limits = limits;
  }

  /** Every yes is followed by one `closeConnection`. */
  openConnection(bucket: string): boolean {
    return this.#connectionsByAddress.take(bucket, this.#limits.connectionsPerAddress);
  }

  closeConnection(bucket: string): void {
    this.#connectionsByAddress.give(bucket);
  }

  /**
   * Every yes is followed by one `closeStream`. `visited` belongs to the connection: it counts once
   * for each tunnel it has asked for (h2 connections are shared between names), until `leaveTunnels`.
   */
  openStream(serverId: string, visited: Set<string>): boolean {
    if (!visited.has(serverId)) {
      if (!this.#connectionsByTunnel.take(serverId, this.#limits.connectionsPerTunnel))
        return false;
      visited.add(serverId);
    }
    return this.#streamsByTunnel.take(serverId, this.#limits.streamsPerTunnel);
  }

  closeStream(serverId: string): void {
    this.#streamsByTunnel.give(serverId);
  }

  leaveTunnels(visited: Set<string>): void {
    for (const serverId of visited) this.#connectionsByTunnel.give(serverId);
    visited.clear();
  }

  /** What is counted now; nothing when nobody is connected. */
  get counted(): { addresses: number; tunnels: number; busyTunnels: number } {
    return {
      addresses: this.#connectionsByAddress.size,
      tunnels: this.#connectionsByTunnel.size,
      busyTunnels: this.#streamsByTunnel.size,
    };
  }
}

/** Counts by name; a count of zero takes no memory. */
class Tally {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  take(name: string, limit: number): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count >= limit) return false;
    this.#counts.set(name, count + 1);
    return true;
  }

  give(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
  }
}
