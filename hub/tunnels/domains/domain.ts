// A domain that belongs to the owner of a server, as the hub remembers it. The store in hub/db implements the port below.

/**
 * `waiting`: no proof yet, and no rights. `active`: proven, and visitors come here. `unreachable`: proven, but visitors are
 * led elsewhere. `withdrawn`: its proof is gone. The last two are served for a grace. `dropped`: over.
 */
export type DomainState = 'waiting' | 'active' | 'unreachable' | 'withdrawn' | 'dropped';

/** Why a claim was dropped. */
export type DropReason =
  /** Its grace is over. */
  | 'grace'
  /** It was never proven. */
  | 'unproven'
  /** The domain's DNS names another server now. */
  | 'moved'
  /** Its server was revoked. */
  | 'revoked';

/** One server's claim to one hostname. Several may wait for the same; the one that is proven holds it. */
export interface DomainClaim {
  /** UUIDv7. */
  readonly id: string;
  /** Lower case, A-labels (RFC 5890 §2.3.2.1), without the root's dot. */
  readonly hostname: string;
  readonly serverId: string;
  readonly ownerId: string;
  /** What the domain's DNS has to show. Made for this claim alone and never again, so that it proves nothing for another. */
  readonly token: string;
  readonly state: DomainState;
  readonly stateSince: Date;
  /** When it was first seen not to be in order; the grace runs from here. */
  readonly troubledSince: Date | undefined;
  readonly dropReason: DropReason | undefined;
  /** What the last look found; undefined before the first. */
  readonly finding: Finding | undefined;
  readonly checkedAt: Date | undefined;
  readonly nextCheckAt: Date;
  readonly createdAt: Date;
}

export interface Finding {
  /** `other`: only tokens of other claims. `held`: there, but the holder's is there too. */
  readonly proof: 'present' | 'absent' | 'other' | 'held' | 'unanswered';
  readonly way: 'here' | 'elsewhere' | 'nowhere' | 'unanswered';
  /** Addresses that are not the hub's, a few of them. */
  readonly strangers: readonly string[];
}

/** A hostname and whose it is, for routing and for certificates. */
export interface ServedDomain {
  readonly hostname: string;
  readonly serverId: string;
}

/** It has been proven and is not dropped: it is routed, and there is one such claim for a hostname at most. */
export function isHolder({ state }: Pick<DomainClaim, 'state'>): boolean {
  return state === 'active' || state === 'unreachable' || state === 'withdrawn';
}

/** Where the proof stands (RFC 8552 §1.2: a name that no host has). */
export function proofNameOf(hostname: string): string {
  return `${proofLabel}.${hostname}`;
}

export function proofValueOf(token: string): string {
  return `${proofPrefix}${token}`;
}

export const proofLabel = '_phlix';
export const proofPrefix = 'phlix-verify=';

/** Claims of one hostname arrive as they stand; those that change leave. Called inside the transaction, maybe twice. */
export type Revision = (claims: readonly DomainClaim[]) => readonly DomainClaim[];

export interface DomainStore {
  /**
   * A claim that waits for its proof; the one that is there if this server has claimed it already.
   * @throws TunnelError server.unknown, DomainError domain.quota
   */
  claim(hostname: string, serverId: string): Promise<DomainClaim>;
  /** Of every state, by hostname. */
  list(): Promise<DomainClaim[]>;
  /** All claims to one hostname, the oldest first. */
  listByHostname(hostname: string): Promise<DomainClaim[]>;
  /** What proven claims serve: all of it, or of these hostnames. */
  listServed(hostnames?: readonly string[]): Promise<ServedDomain[]>;
  /**
   * Hostnames whose look is due, those that said nothing the last time at the end. Each is given to one process only; one
   * that is not revised within `leaseMs` is due again.
   */
  takeDue(at: Date, limit: number, leaseMs: number): Promise<string[]>;
  /** Changes the claims of one hostname together; nobody else changes them meanwhile. Returns all of them as they are then. */
  revise(hostname: string, revision: Revision): Promise<DomainClaim[]>;
  /** It serves nothing from now on. False: there is none. */
  remove(claimId: string): Promise<boolean>;
  /** Forgets what was dropped before then. */
  forgetDropped(before: Date): Promise<void>;
  /** Calls back with a hostname whenever any process changed a claim to it; undefined: anything may have changed. Returns the stop function. */
  watch(onChange: (hostname: string | undefined) => void): Promise<() => Promise<void>>;
}
