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
  readonly agentId: string | undefined;
  readonly createdAt: Date;
  readonly lastSeenAt: Date | undefined;
  readonly revokedAt: Date | undefined;
}

/** An agent's identity: the RFC 7638 thumbprint of its Ed25519 key, and the key. */
export interface AgentIdentity {
  readonly agentId: string;
  /** Raw 32 bytes (RFC 8032). */
  readonly publicKey: Buffer;
  readonly serverId: string;
  readonly isRevoked: boolean;
}

export interface ServerStore {
  findAgent(agentId: string): Promise<AgentIdentity | undefined>;
  find(serverId: string): Promise<Server | undefined>;
  findByLabel(label: string): Promise<Server | undefined>;
  /** Every server that is not revoked, oldest first, also those without a label: the operator may give them one. */
  list(filter?: { includeRevoked?: boolean }): Promise<Server[]>;
  /** Gives the server this label, releasing its former one into quarantine. @throws TunnelError name.taken | name.quarantined | name.quota */
  rename(serverId: string, label: string): Promise<Server>;
  /** Ends the server's life: its agent's key is refused from now on, its label goes into quarantine. */
  revoke(serverId: string): Promise<Server | undefined>;
  touch(serverId: string, seenAt: Date): Promise<void>;
  /** Next epoch of the database's sequence: a link with a higher one wins. */
  nextEpoch(): Promise<bigint>;
  /** Calls back with a server's id whenever any process changed it; undefined means "anything may have changed". Returns the stop function. */
  watch(onChange: (serverId: string | undefined) => void): Promise<() => Promise<void>>;
}
