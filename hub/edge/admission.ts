// A connection or a request asks to come in; a yes is counted against its address and its tunnel until it is given back.

import type { EdgeLimits } from './limits.ts';

type AdmissionLimits = Pick<
  EdgeLimits,
  'connectionsPerAddress' | 'connectionsPerTunnel' | 'streamsPerTunnel' | 'streamsPerVisitor'
>;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #connectionsByAddress = new Tally();
  readonly #connectionsByTunnel = new Tally();
  readonly #streamsByTunnel = new Tally();
  /** By tunnel and address. */
  readonly #streamsByVisitor = new Tally();

  constructor(limits: AdmissionLimits) {
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
   * `bucket` is the visitor's address; undefined when nobody knows it, and then only the tunnel's own limit holds.
   */
  openStream(serverId: string, visited: Set<string>, bucket: string | undefined): boolean {
    if (!visited.has(serverId)) {
      if (!this.#connectionsByTunnel.take(serverId, this.#limits.connectionsPerTunnel))
        return false;
      visited.add(serverId);
    }
    const { streamsPerTunnel, streamsPerVisitor } = this.#limits;
    if (!this.#streamsByTunnel.take(serverId, streamsPerTunnel)) return false;
    if (bucket === undefined) return true;
    if (this.#streamsByVisitor.take(`${serverId} ${bucket}`, streamsPerVisitor)) return true;
    this.#streamsByTunnel.give(serverId);
    return false;
  }

  closeStream(serverId: string, bucket: string | undefined): void {
    this.#streamsByTunnel.give(serverId);
    if (bucket !== undefined) this.#streamsByVisitor.give(`${serverId} ${bucket}`);
  }

  leaveTunnels(visited: Set<string>): void {
    for (const serverId of visited) this.#connectionsByTunnel.give(serverId);
    visited.clear();
  }

  /** What is counted now; nothing when nobody is connected. */
  get counted(): {
    addresses: number;
    tunnels: number;
    busyTunnels: number;
    busyVisitors: number;
  } {
    return {
      addresses: this.#connectionsByAddress.size,
      tunnels: this.#connectionsByTunnel.size,
      busyTunnels: this.#streamsByTunnel.size,
      busyVisitors: this.#streamsByVisitor.size,
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
