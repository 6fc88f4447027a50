// The address of an ACME authority arrives; what a hub needs to order there leaves, with stores in memory.

import { Buffer } from 'node:buffer';

import {
  AcmeAuthority,
  type AcmeAuthorityOptions,
} from '../../hub/certificates/acme/acme-authority.ts';
import type { AuthorityOrder } from '../../hub/certificates/acme/authority.ts';
import { createKeyAndCsr } from '../../hub/certificates/acme/csr.ts';
import { HttpSolver } from '../../hub/certificates/challenges/http-01.ts';
import type { Solver } from '../../hub/certificates/challenges/solver.ts';
import type { KeyKind } from '../../hub/certificates/store.ts';
import { MemoryAccountStore, MemoryChallengeStore } from './memory-certificates.ts';

export interface Ordering extends Partial<Omit<AuthorityOrder, 'csr'>> {
  readonly solver?: Solver;
  readonly signal?: AbortSignal;
  readonly keyKind?: KeyKind;
}

export class AcmeCustomer {
  readonly accounts = new MemoryAccountStore();
  readonly challenges: MemoryChallengeStore;
  readonly #at: { readonly directoryUrl: string; readonly trust: string };
  /** One for all orders, as a process of the hub has: a proof that it does not know of is one of a process that died. */
  readonly #httpSolver: HttpSolver;

  constructor(
    at: { readonly directoryUrl: string; readonly trust: string },
    challenges = new MemoryChallengeStore(),
  ) {
    this.#at = at;
    this.challenges = challenges;
    this.#httpSolver = new HttpSolver(challenges);
  }

  /** Another process of the same hub: it shares the stores. */
  authority(options: Partial<AcmeAuthorityOptions> = {}): AcmeAuthority {
    return new AcmeAuthority({
      directoryUrl: this.#at.directoryUrl,
      trust: this.#at.trust,
      accounts: this.accounts,
      keyRing: noSeal,
      contact: 'operator@films.example',
      agreesToTerms: true,
      ...options,
    });
  }

  /** `films.example` by http-01, unless said otherwise. */
  async obtain(authority: AcmeAuthority, ordering: Ordering = {}): Promise<string> {
    const { names = ['films.example'], profile, replaces, beforeSigning } = ordering;
    const { csr } = await createKeyAndCsr(names, ordering.keyKind ?? 'ecdsa');
    const solver = ordering.solver ?? this.#httpSolver;
    const order = { names, csr, profile, replaces, ...(beforeSigning && { beforeSigning }) };
    return authority.obtain(order, solver, ordering.signal ?? never);
  }
}

export const never = new AbortController().signal;

const noSeal = {
  seal: (text: string): Buffer => Buffer.from(text),
  open: (sealed: Buffer): string => sealed.toString(),
  isCurrent: (): boolean => true,
};
