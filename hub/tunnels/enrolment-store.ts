// What an enrolment needs to remember arrives; all of it is kept, or nothing. The port that hub/db implements.

import type { Buffer } from 'node:buffer';
import type { AgentIdentity, Server } from './server.ts';

/** A token as the hub keeps it: the secret itself is shown once and then gone. */
export interface TokenRecord {
  readonly id: string;
  /** SHA-256 of the secret's text. 256 random bits need no slow hash. */
  readonly secretHash: Buffer;
  readonly ownerId: string;
  /** The server whose agent's key is to be replaced; undefined: a new server. */
  readonly serverId: string | undefined;
  readonly label: string | undefined;
  readonly cidr: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly usedAt: Date | undefined;
  readonly usedBy: string | undefined;
}

/** What is shown of a token that can still be used. */
export type OpenToken = Omit<TokenRecord, 'secretHash' | 'usedAt' | 'usedBy'>;

export interface LabelClaim {
  readonly label: string;
  readonly serverId: string;
  readonly ownerId: string;
  readonly at: Date;
}

/** Everything inside happens or nothing does. */
export interface EnrolmentTransaction {
  /** Holds the token until the transaction ends: whoever asks for it meanwhile waits. */
  lockToken(id: string): Promise<TokenRecord | undefined>;
  useToken(id: string, agentId: string, at: Date): Promise<void>;
  findAgent(agentId: string): Promise<AgentIdentity | undefined>;
  findServer(serverId: string): Promise<Server | undefined>;
  /** Whether somebody may have servers: an active account does, by which he is an owner or an admin. */
  mayHaveServers(ownerId: string): Promise<boolean>;
  insertServer(server: { id: string; ownerId: string; name: string; at: Date }): Promise<void>;
  /** Makes the key the server's only one. False: the key belongs, or belonged, to a server already. */
  giveKey(key: {
    agentId: string;
    publicKey: Buffer;
    serverId: string;
    at: Date;
  }): Promise<boolean>;
  /** Gives the place of the server's present key to this one: the former is refused from then on. False: as above. */
  succeedKey(key: {
    agentId: string;
    publicKey: Buffer;
    serverId: string;
    at: Date;
    replaces: string;
    /** The process of the agent that changes its key, whose links may move (rule P14). */
    epoch: bigint | undefined;
  }): Promise<boolean>;
  /** @throws TunnelError name.quota */
  claimLabel(claim: LabelClaim): Promise<'claimed' | 'name.taken' | 'name.quarantined'>;
}

export interface EnrolmentStore {
  insertToken(token: TokenRecord): Promise<void>;
  /** Those that can still be used, the youngest first; of one owner, or of all. */
  listTokens(now: Date, ownerId?: string): Promise<OpenToken[]>;
  /** Only one that is unused; undefined: there is none, or it is another's. */
  removeToken(id: string, ownerId?: string): Promise<OpenToken | undefined>;
  /** Runs `work`; if it throws, nothing has happened. It may run more than once. */
  transaction<Result>(work: (tx: EnrolmentTransaction) => Promise<Result>): Promise<Result>;
}
