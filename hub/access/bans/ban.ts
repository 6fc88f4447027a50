// What a ban of the whole hub is, and what keeps it: the words of the domain, and its ports.

import type { AuditActor } from '../../audit/audit.ts';

/** Nobody in `network` comes through any door of the hub until `until`. */
export interface Ban {
  readonly id: string;
  /** Canonical, as a prefix: `203.0.113.7/32`, `2001:db8::/64`. */
  readonly network: string;
  /** `guard`: made by the brute-force control of a door. */
  readonly origin: 'guard' | 'operator';
  readonly reason: string;
  /** The account's name, `host` for the command line, `system` for the guard. */
  readonly by: string;
  readonly createdAt: Date;
  /** Undefined: until somebody takes it away. */
  readonly until: Date | undefined;
}

export interface BanWish {
  /** An address or a network, strictly written (E-20). */
  readonly network: string;
  /** Undefined: for good. */
  readonly forMs: number | undefined;
  readonly reason: string;
  readonly actor: AuditActor;
  readonly requestId?: string | undefined;
}

/** What the rest of the hub asks of the bans. hub/access/bans/bans.ts is all of it. */
export interface BansPort {
  /** The ban that covers a canonical address now. From memory: it can be asked at every connection. */
  covering(address: string): Ban | undefined;
  /**
   * The guard's: bans the bucket of an address (IPv4 /32, IPv6 /64). Never loopback, never a trusted proxy: that is reported
   * instead, since it means that client addresses do not reach the hub. Never rejects.
   */
  banAddress(address: string, wish: { forMs: number; reason: string }): Promise<Ban | undefined>;
  /** An operator's. @throws NetAddressError net.*, AccessError ban.* */
  add(wish: BanWish): Promise<Ban>;
  /** By id, address or network as it was banned. Undefined: there is none. */
  remove(which: string, actor: AuditActor, requestId?: string): Promise<Ban | undefined>;
  /** Those that hold, youngest first. */
  list(): readonly Ban[];
}
