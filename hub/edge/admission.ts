// A connection or a request asks to come in; a yes is counted against its address and its tunnel until it is given back.

import type { EdgeLimits } from './limits.ts';

type AdmissionLimits = Pick<
  EdgeLimits,
  'connectionsPerAddress' | 'connectionsPerTunnel' | 'streamsPerTunnel' | 'streamsPerVisitor'
>;

type OnFull = (limit: string, who: string | undefined) => void;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #onFull: OnFull;
  readonly #connectionsByAddress = new Tally();
  readonly #connectionsByTunnel = new Tally();
  /** By tunnel and address, as streams are below. */
  readonly #connectionsByVisitor = new Tally();
  /** Under what each connection was counted there. */
  readonly #countedAs = new WeakMap<Set<string>, string[]>();
  readonly #streamsByTunnel = new Tally();
  /** By tunnel and address. */
  readonly #streamsByVisitor = new Tally();

  /** `onFull`: which limit turned somebody away, and whom it counts. */
  constructor(limits: AdmissionLimits, onFull: OnFull = () => undefined) {
    this.#limits = limits;
    this.#onFull = onFull;
  }

  /** Every yes is followed by one `closeConnection`. */
  openConnection(bucket: string): boolean {
    const hasRoom = this.#connectionsByAddress.take(bucket, this.#limits.connectionsPerAddress);
    if (!hasRoom) this.#onFull('HUB_LIMIT_CONNECTIONS_PER_ADDRESS', bucket);
    return hasRoom;
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
    const visitor = bucket === undefined ? undefined : `${serverId} ${bucket}`;
    if (!visited.has(serverId)) {
      if (!this.#hasRoomForConnection(serverId, visitor))
        return this.#refuse('HUB_LIMIT_CONNECTIONS_PER_TUNNEL', bucket);
      this.#countConnection(serverId, visited, visitor);
    }
    if (!this.#hasRoomForStream(serverId, visitor))
      return this.#refuse('HUB_LIMIT_STREAMS_PER_TUNNEL', bucket);
    this.#streamsByTunnel.add(serverId);
    if (visitor !== undefined) this.#streamsByVisitor.add(visitor);
    return true;
  }

  closeStream(serverId: string, bucket: string | undefined): void {
    this.#streamsByTunnel.give(serverId);
    if (bucket !== undefined) this.#streamsByVisitor.give(`${serverId} ${bucket}`);
  }

  leaveTunnels(visited: Set<string>): void {
    for (const serverId of visited) this.#connectionsByTunnel.give(serverId);
    for (const visitor of this.#countedAs.get(visited) ?? [])
      this.#connectionsByVisitor.give(visitor);
    this.#countedAs.delete(visited);
    visited.clear();
  }

  #refuse(limit: string, bucket: string | undefined): false {
    this.#onFull(limit, bucket);
    return false;
  }

  #countConnection(serverId: string, visited: Set<string>, visitor: string | undefined): void {
    visited.add(serverId);
    this.#connectionsByTunnel.add(serverId);
    if (visitor === undefined) return;
    this.#connectionsByVisitor.add(visitor);
    this.#countedAs.set(visited, [...(this.#countedAs.get(visited) ?? []), visitor]);
  }

  #hasRoomForConnection(serverId: string, visitor: string | undefined): boolean {
    const { connectionsPerTunnel: all, connectionsPerAddress: most } = this.#limits;
    const taken = this.#connectionsByTunnel.of(serverId);
    if (visitor === undefined) return taken < all;
    return hasRoom({ all, taken, most, own: this.#connectionsByVisitor.of(visitor) });
  }

  #hasRoomForStream(serverId: string, visitor: string | undefined): boolean {
    const { streamsPerTunnel: all, streamsPerVisitor: most } = this.#limits;
    const taken = this.#streamsByTunnel.of(serverId);
    if (visitor === undefined) return taken < all;
    return hasRoom({ all, taken, most, own: this.#streamsByVisitor.of(visitor) });
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

interface Room {
  readonly all: number;
  readonly taken: number;
  /** Of one address while it is alone. */
  readonly most: number;
  readonly own: number;
}

/**
 * An address may hold so many times what is still free that it comes to `most` when it is alone: the fuller it is, the less
 * each may add. With a fixed share two addresses with 128 of 256 streams would be the whole tunnel, and for connections
 * eight; so it takes nine, and more than thirty.
 */
function hasRoom({ all, taken, most, own }: Room): boolean {
  if (taken >= all || own >= most) return false;
  return own * (all - most) < most * (all - taken);
}

/** Counts by name; a count of zero takes no memory. */
class Tally {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  take(name: string, limit: number): boolean {
    if (this.of(name) >= limit) return false;
    this.add(name);
    return true;
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  give(name: string): void {
    const count = this.of(name);
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
  }
}
