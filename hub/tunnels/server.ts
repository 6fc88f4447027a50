// A media server as the hub remembers it: its owner, its names, its agent's key. The stores in hub/db implement the port below.

import type { Buffer } from 'node:buffer';

export interface Server {
  /** UUIDv7. */
  readonly id: string;
  readonly ownerId: string;
  /** What its owner calls it (PHLIX_SERVER_NAME), or its label. At most 64 characters. */
  readonly name: string;
  /** The label under the tenant domain (`movies`), undefined until it has one. */
  readonly label: string | undefined;
  /**
   * When the label came to this owner from another one, whose service worker and pages visitors' browsers may still hold
   * (security row D-07). Not for a hand-over between two servers of one owner: what he left in the browsers is his own.
   */
  readonly newOwnerSince: Date | undefined;
  readonly agentId: string | undefined;
  /** Whose place the agent's key took, if it was changed; `epoch`: the process that changed it, whose links may move. */
  readonly formerKey?: { readonly agentId: string; readonly epoch: bigint | undefined };
  readonly switches: ServerSwitches;
  readonly createdAt: Date;
  readonly lastSeenAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  /** While it lasts nobody reaches the server; name, key, domains and settings are kept. */
  readonly suspension?: Suspension | undefined;
}

/** The operator's word. Only an operator takes it back. */
interface Suspension {
  readonly since: Date;
  /** For the owner, who reads it on the server's page, in a notice, and in the log of his agent. */
  readonly reason: string;
}

/** What the edge does for this server's visitors, as its owner chose it. Each change is in force at once, without a reconnect. */
export interface ServerSwitches {
  /** Offered to visitors by ALPN. Some players only work without it. */
  readonly http2: boolean;
  readonly minTls: '1.2' | '1.3';
  /** `rsa` for TVs that know no elliptic curves. */
  readonly certificateKey: 'ecdsa' | 'rsa';
  /** Of the two that the hub may ask. `second` for visitors who do not know the first one's root, such as old TVs. */
  readonly authority: 'first' | 'second';
  /** Which media server it is. undefined: not known, so the deny-lists of all products hold together (security row B-12). */
  readonly product: Product | undefined;
  /** Names of deny-list entries that the owner lifted, sorted: `jellyfin.restart`. */
  readonly lifted: readonly string[];
}

/** `other`: none of these, so no deny-list holds. */
export type Product = 'jellyfin' | 'emby' | 'plex' | 'phlix' | 'other';

/** How a server begins. */
export const defaultSwitches: ServerSwitches = {
  http2: true,
  minTls: '1.2',
  certificateKey: 'ecdsa',
  authority: 'first',
  product: undefined,
  lifted: [],
};

/** What is absent stays as it is; `product: undefined` makes it unknown again. */
export interface SwitchChange extends Partial<Omit<ServerSwitches, 'lifted'>> {
  readonly lift?: readonly string[];
  readonly unlift?: readonly string[];
}

export function changedSwitches(from: ServerSwitches, change: SwitchChange): ServerSwitches {
  const { lift = [], unlift = [], ...switches } = change;
  const lifted = [...from.lifted, ...lift].filter((name) => !unlift.includes(name));
  return { ...from, ...switches, lifted: [...new Set(lifted)].toSorted() };
}

/** An agent's identity: the RFC 7638 thumbprint of its Ed25519 key, and the key. */
export interface AgentIdentity {
  readonly agentId: string;
  /** Raw 32 bytes (RFC 8032). */
  readonly publicKey: Buffer;
  readonly serverId: string;
  readonly isRevoked: boolean;
  /** Another key took its place: whoever still has this one has a copy, or an old backup. */
  readonly isReplaced?: boolean;
}

export interface ServerStore {
  findAgent(agentId: string): Promise<AgentIdentity | undefined>;
  find(serverId: string): Promise<Server | undefined>;
  findByLabel(label: string): Promise<Server | undefined>;
  /** Every server that is not revoked, oldest first, also those without a label: the operator may give them one. */
  list(filter?: { includeRevoked?: boolean }): Promise<Server[]>;
  /** Gives the server this label, releasing its former one into quarantine. @throws TunnelError name.taken | name.quarantined | name.quota */
  rename(serverId: string, label: string): Promise<Server>;
  /** Two changes at once are both made. @throws TunnelError server.unknown */
  changeSwitches(serverId: string, change: SwitchChange): Promise<Server>;
  /** Ends the server's life: its agent's key is refused from now on, its label goes into quarantine. */
  revoke(serverId: string): Promise<Server | undefined>;
  /** Keeps every visitor from it, in every process, until `resume`. Again: with another reason. @throws TunnelError server.unknown */
  suspend(serverId: string, reason: string): Promise<Server>;
  /** @throws TunnelError server.unknown */
  resume(serverId: string): Promise<Server>;
  /** Gives it to another owner, with its name and without its agent: he adds one with a token of his own. @throws TunnelError name.quota | server.unknown */
  transfer(serverId: string, ownerId: string): Promise<Server>;
  touch(serverId: string, seenAt: Date): Promise<void>;
  /** Next epoch of the database's sequence: a link with a higher one wins. */
  nextEpoch(): Promise<bigint>;
  /** Calls back with a server's id whenever any process changed it; undefined means "anything may have changed". Returns the stop function. */
  watch(onChange: (serverId: string | undefined) => void): Promise<() => Promise<void>>;
}
