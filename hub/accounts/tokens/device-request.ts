// A device's wish to be let in, as the hub keeps it until a person has decided, and what keeping it takes: the port that hub/db implements.

import type { Buffer } from 'node:buffer';
import type { Scope } from './scope.ts';
import type { TokenRecord, TokenRoom } from './token.ts';

export interface DeviceRequest {
  readonly id: string;
  /** The `client_id`, as the program calls itself: shown, never believed. */
  readonly app: string;
  readonly deviceName: string;
  readonly scopes: readonly Scope[];
  /** From where it asks; undefined if unknown. */
  readonly address: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly state: 'open' | 'approved' | 'denied' | 'fetched';
  /** Who decided. */
  readonly accountId: string | undefined;
  /** RFC 8628 §3.5: grows by five seconds with each poll that comes too early. */
  readonly intervalMs: number;
  readonly polledAt: Date | undefined;
}

/** What is kept beside it: neither code is ever told again. */
export interface DeviceRequestRecord extends DeviceRequest {
  readonly deviceCodeHash: Buffer;
  readonly userCodeHash: Buffer;
  /** What counts as one asker: an IPv4 address or an IPv6 /64. */
  readonly bucket: string;
  /** What counts as one neighbourhood when the hub is full: /24 or /48. */
  readonly network: string;
}

export interface OpenCounts {
  readonly hub: number;
  readonly bucket: number;
  readonly network: number;
  /** The neighbourhood with most open requests. */
  readonly heaviest: { readonly network: string; readonly count: number } | undefined;
}

/** Begins one at a time: what is counted inside stays true until the end. */
export interface OpeningTransaction {
  /** Requests that expired before are forgotten. */
  forget(expiredBefore: Date): Promise<void>;
  /** Open and not expired at `now`. */
  countOpen(asker: { bucket: string; network: string }, now: Date): Promise<OpenCounts>;
  removeOldest(network: string): Promise<void>;
  /** False: another request holds this user code. It stays as it is. */
  insert(request: DeviceRequestRecord): Promise<boolean>;
}

/** Holds the request until the end: whoever polls or decides meanwhile waits. */
export interface RequestTransaction {
  lock(
    by: { deviceCodeHash: Buffer } | { userCodeHash: Buffer },
  ): Promise<DeviceRequest | undefined>;
  change(id: string, change: DeviceRequestChange): Promise<void>;
  /** False: there is no room. */
  insertToken(token: TokenRecord, room: TokenRoom): Promise<boolean>;
}

export type DeviceRequestChange = Partial<
  Pick<DeviceRequest, 'state' | 'accountId' | 'intervalMs' | 'polledAt' | 'expiresAt'>
>;

export interface DeviceRequestStore {
  opening<Result>(work: (tx: OpeningTransaction) => Promise<Result>): Promise<Result>;
  transaction<Result>(work: (tx: RequestTransaction) => Promise<Result>): Promise<Result>;
  find(userCodeHash: Buffer): Promise<DeviceRequest | undefined>;
}
