// What a ban of the whole hub is, and what keeps it: the words of the domain, and its ports.

import type { AuditActor } from '../../audit/audit.ts';

/** Nobody in `network` comes in until `until`: through no door of the hub, or, if the guard said so, not to the hub's own pages and API. */
export interface Ban {
  readonly id: string;
  /** Canonical, as a prefix: `203.0.113.7/32`, `2001:db8::/64`. */
  readonly network: string;
  /** `guard`: made by the brute-force control of a door. */
  readonly origin: BanOrigin;
  readonly reason: string;
  /** The account's name, `host` for the command line, `system` for the guard. */
  readonly by: string;
  readonly createdAt: Date;
  /** Undefined: until somebody takes it away. */
  readonly until: Date | undefined;
}

export type BanOrigin = 'guard' | 'operator';

export interface BanWish {
  /** An address or a network, strictly written (E-20). Of an IPv6 address without a prefix its /64 is banned. */
  readonly network: string;
  /** Undefined: for good. */
  readonly forMs: number | undefined;
  readonly reason: string;
  readonly actor: AuditActor;
  /** Who asks: he is not to ban himself without meaning to. */
  readonly address?: string | undefined;
  /** He was told that it is wide, or his own, and means it. */
  readonly isConfirmed?: boolean | undefined;
  readonly requestId?: string | undefined;
}

/** One ban for each network. */
export interface BanStore {
  /** In the place of another one of the same network. */
  put(ban: Ban): Promise<void>;
  /** Not over an operator's: false then. */
  putUnlessOperators(ban: Ban): Promise<boolean>;
  remove(which: { id: string } | { network: string }): Promise<Ban | undefined>;
  list(): Promise<Ban[]>;
  /** Forgets those that are over, and of the guard's all but `mostOfGuard` that last longest. */
  sweep(now: Date, mostOfGuard: number): Promise<Ban[]>;
  /** Calls back after a change by any process. Resolves once none is missed. */
  onChange(callback: () => void): Promise<() => void>;
}
