// What the hub wants to hold and what it holds meet here: one managed certificate, from the wish to its end.

import type { Buffer } from 'node:buffer';

import type { AuthorityName } from '../acme/authority.ts';
import type { ChallengeKind } from '../challenges/solver.ts';
import type { KeyKind } from '../store.ts';

/** What settings, servers and domains ask for. Two wishes for the same names, kind of key and authority are one. */
export interface CertificateWish {
  /** Lower case, sorted, wildcards as written. */
  readonly names: readonly string[];
  readonly keyKind: KeyKind;
  readonly authority: AuthorityName;
  readonly challenge: ChallengeKind;
  readonly profile: string | undefined;
  /** The server whose name it is; undefined: the hub's own names. */
  readonly serverId: string | undefined;
}

export interface ManagedCertificate extends CertificateWish {
  /** UUIDv7. */
  readonly id: string;
  readonly createdAt: Date;
  /** Undefined until the first order succeeded. The old one stays here, and is served, until the next one is stored. */
  readonly issued: IssuedCertificate | undefined;
  readonly renewal: RenewalPlan;
  readonly attempts: Attempts;
  /** Nobody wishes for it any more: it is revoked, and its key deleted, as soon as that can be done. */
  readonly releasedAt: Date | undefined;
}

export interface IssuedCertificate {
  /** PEM, the leaf first. */
  readonly chain: string;
  /** The PEM key, sealed (sealing.ts) for the id of its managed certificate. */
  readonly sealedKey: Buffer;
  /** Who signed it: the wish's authority, or its second. */
  readonly authority: AuthorityName;
  /** RFC 9773 §4.1: what an order that `replaces` it, and the question about its renewal, name it by. */
  readonly ariId: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What the authority said about the time of renewal (RFC 9773), and what was drawn from it. */
export interface RenewalPlan {
  readonly window: { readonly start: Date; readonly end: Date } | undefined;
  /** Drawn once from the window, uniformly, and kept: a restart must not draw again. */
  readonly selectedAt: Date | undefined;
  /** Not before this is the authority asked again. */
  readonly askAgainAt: Date | undefined;
}

export interface Attempts {
  /** Failed ones since the last success. */
  readonly failures: number;
  /** Not before this is it tried again. Undefined: whenever it is due. */
  readonly nextTryAt: Date | undefined;
  readonly lastError: AttemptError | undefined;
}

export interface AttemptError {
  /** `certificate.*` or `acme.*`, for metrics. */
  readonly code: string;
  /** What happened and what to do, in one sentence. */
  readonly message: string;
  readonly at: Date;
}

/** The right to work on one certificate. `fence` grows with each taking: what a former holder writes is refused. */
export interface Lease {
  readonly certificateId: string;
  readonly fence: number;
}

export interface CertificateStore {
  list(): Promise<ManagedCertificate[]>;
  find(id: string): Promise<ManagedCertificate | undefined>;
  /**
   * A text for each id that changes whenever `watch` tells of it, and perhaps more often: whoever keeps ten thousand of them
   * in mind looks once a minute at what a lost notice may have kept from it.
   */
  versions(): Promise<ReadonlyMap<string, string>>;
  /**
   * Inserts what is wished for and not there, revives what was released and is not being retired, releases what nobody wishes
   * for. A name that went to another server of its owner keeps its certificate; one that went to another owner begins with a
   * certificate and a key of its own, and the former is released (security row D-07).
   */
  reconcile(wishes: readonly CertificateWish[], at: Date): Promise<void>;

  /** Undefined: another process holds it, or it is gone. Whoever dies loses it after `leaseMs`, by the store's clock. */
  takeLease(certificateId: string, leaseMs: number): Promise<Lease | undefined>;
  /** False: it was lost, and what is under way has to stop. */
  extendLease(lease: Lease, leaseMs: number): Promise<boolean>;
  dropLease(lease: Lease): Promise<void>;

  // Each of the next five is false, and changes nothing, once another holds the lease. All processes hear of a success.

  /** Failed attempts are forgotten with it. */
  saveIssued(lease: Lease, issued: IssuedCertificate, renewal: RenewalPlan): Promise<boolean>;
  saveAttempts(lease: Lease, attempts: Attempts): Promise<boolean>;
  saveRenewal(lease: Lease, renewal: RenewalPlan): Promise<boolean>;
  /** Before it is revoked: from here on it does not come back, whoever wishes for it. False also if it is wished for again. */
  beginRetiring(lease: Lease): Promise<boolean>;
  /** The row and its key are gone. */
  remove(lease: Lease): Promise<boolean>;
  /**
   * Makes it due now, for the command `certificates renew`: `selectedAt` is this moment until the next one is issued, whatever
   * `saveRenewal` says, and no `nextTryAt` holds it up.
   */
  hasten(certificateId: string): Promise<void>;

  /** Calls back with an id whenever any process changed it; undefined: anything may have changed. Returns the stop function. */
  watch(onChange: (id: string | undefined) => void): Promise<() => Promise<void>>;
  /** Writes, reads back and deletes a row of random bytes: an order whose certificate could not be stored is wasted. */
  probe(): Promise<void>;
}

/** One account at one authority, shared by all processes of a hub. */
export interface AuthorityAccount {
  readonly authority: AuthorityName;
  /** PEM, sealed for the authority's name. */
  readonly sealedKey: Buffer;
  /** RFC 8555 §7.3: the URL that names the account. Undefined between the making of the key and the first registration. */
  readonly url: string | undefined;
}

export interface AccountStore {
  find(authority: AuthorityName): Promise<AuthorityAccount | undefined>;
  /** The one that is stored afterwards: of two processes at once, one wins, and both go on with its key. */
  insert(account: AuthorityAccount): Promise<AuthorityAccount>;
  /** Nothing happens if another key has taken this one's place meanwhile; the same goes for `remove`. */
  saveUrl(account: AuthorityAccount, url: string): Promise<void>;
  /** The same key, sealed anew. Nothing happens if another has taken this one's place, or sealed it, meanwhile. */
  reseal(account: AuthorityAccount, sealedKey: Buffer): Promise<void>;
  /** Its key is refused for good (revoked, deactivated): the next attempt registers a new one. */
  remove(account: AuthorityAccount): Promise<void>;
}

/**
 * Which limits an order counts towards: a `replacement` (RFC 9773 §5, within its window) towards none, a `renewal` of names
 * that this authority has certified before towards those of the name set only, a `new` one towards all.
 */
export type OrderKind = 'new' | 'renewal' | 'replacement';

/** What was asked of an authority, so that a hub stops before its limits do. */
export interface OrderRecord {
  readonly certificateId: string;
  readonly authority: AuthorityName;
  readonly names: readonly string[];
  readonly at: Date;
  readonly kind: OrderKind;
  /** `issued` from the moment the authority is asked to sign: what is not heard of any more may have been signed. */
  readonly outcome: 'open' | 'issued' | 'failed';
}

/** Why an order has to wait. */
export interface OrderRefusal {
  readonly notBefore: Date;
  /** `names`, `failures`, `orders`, `pace`, `domain:example.org`: whoever counts towards the same one need not ask until then. */
  readonly limit: string;
}

/** Which records are asked for: all that are young, and of the older ones those that stand for a certificate and count. */
export interface OrderLook {
  readonly allSince: Date;
  /** Neither failed nor a replacement. */
  readonly certificatesSince: Date;
}

export interface OrderLog {
  /**
   * Opens the record unless `admit` refuses, which it asks about what is on record at the authority within `look`, oldest
   * first. Of all processes one at a time, for each authority: two cannot take the last place, nor open an order for the same
   * names. What the same certificate left open is closed as failed before: its holder died before anything was signed, only
   * one has the lease.
   * Returns the record's id, for `close`.
   */
  open(
    record: Omit<OrderRecord, 'outcome'>,
    look: OrderLook,
    admit: (past: readonly OrderRecord[]) => OrderRefusal | undefined,
  ): Promise<string | OrderRefusal>;
  close(id: string, outcome: 'issued' | 'failed'): Promise<void>;
  since(authority: AuthorityName, at: Date): Promise<OrderRecord[]>;
}
