// What an attempt works with: stores, authorities and solvers, a clock, and what attempts leave to each other.

import type { Logger } from '../../../shared/log.ts';
import type { Authority, AuthorityName } from '../acme/authority.ts';
import type { KeyAndCsr } from '../acme/csr.ts';
import type { ChallengeKind, Solver } from '../challenges/solver.ts';
import type { KeyKind } from '../store.ts';
import type { AuthorityLimits } from './budget.ts';
import type {
  CertificateStore,
  CertificateWish,
  ManagedCertificate,
  OrderLog,
} from './certificate.ts';
import type { LeftAlone } from './left-alone.ts';
import type { KeyRing } from './sealing.ts';
import type { SetTimer } from './timer.ts';

export interface AttemptParts {
  readonly store: CertificateStore;
  readonly orders: OrderLog;
  readonly authorities: ReadonlyMap<AuthorityName, Authority>;
  /** Takes over where the wished one fails again and again, or lets wait too long; the first does where it was wished for. */
  readonly fallback: AuthorityName | undefined;
  readonly solverFor: (kind: ChallengeKind) => Solver;
  readonly keyRing: KeyRing;
  /** For each authority that is asked. Rejects with what the operator has to change before an order can succeed. */
  readonly preflight: ((wish: CertificateWish, signal: AbortSignal) => Promise<void>) | undefined;
  readonly createKeyAndCsr: (names: readonly string[], kind: KeyKind) => Promise<KeyAndCsr>;
  /** Of a released one: only settings changed, so it is not revoked. */
  readonly isKept: (released: ManagedCertificate) => boolean;
  readonly limitsOf: (authority: AuthorityName) => AuthorityLimits;
  /** Authorities that asked to hear nothing for a while. */
  readonly leftAlone: LeftAlone;
  /** Orders that have not ended, among them those that were given up and still take their proofs away. */
  readonly unended: Set<Promise<unknown>>;
  readonly log: Logger;
  readonly now: () => Date;
  readonly random: () => number;
  readonly setTimer: SetTimer;
}
