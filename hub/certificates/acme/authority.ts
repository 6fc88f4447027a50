// The port through which the life of a certificate speaks with an authority. RFC 8555 stands behind it, in tests also a CA with a clock of its own.

import type { Solver } from '../challenges/solver.ts';

/** URL of its ACME directory: what accounts, orders and limits are kept by. */
export type AuthorityName = string;

export interface AuthorityOrder {
  readonly names: readonly string[];
  /** DER of the certificate signing request (RFC 2986). */
  readonly csr: Uint8Array;
  readonly profile: string | undefined;
  /** `ariId` of the certificate that this one takes the place of. */
  readonly replaces: string | undefined;
  /** Awaited before the authority is asked to sign: from then on there may be a certificate, whatever is heard of it. */
  readonly beforeSigning?: () => Promise<void>;
}

export interface RenewalInfo {
  readonly start: Date;
  readonly end: Date;
  /** A page that explains a window that was moved (RFC 9773 §4.2). */
  readonly explanationUrl: string | undefined;
  /** How long this answer holds. */
  readonly retryAfterMs: number;
}

/** RFC 5280 §5.3.1. */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'superseded'
  | 'cessationOfOperation';

export interface Authority {
  readonly name: AuthorityName;
  /** From order to chain: PEM, the leaf first. @throws AcmeError */
  obtain(order: AuthorityOrder, solver: Solver, signal: AbortSignal): Promise<string>;
  /** Undefined: this authority does not say. @throws AcmeError */
  renewalInfo(ariId: string, signal: AbortSignal): Promise<RenewalInfo | undefined>;
  /** One that is already revoked, or has ended, is a success. @throws AcmeError */
  revoke(chain: string, reason: RevocationReason, signal: AbortSignal): Promise<void>;
}
