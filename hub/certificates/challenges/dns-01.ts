// A challenge arrives; its TXT record stands where `_acme-challenge.<name>` leads, seen at every authoritative server, until it is removed.

import { challengeName, challengeRecord } from '../dns/challenge-record.ts';
import type { DnsProvider, TxtRecord } from '../dns/provider.ts';
import type { Challenge, ChallengeStore, Solver } from './solver.ts';
import { StandingProofs } from './standing-proofs.ts';

/** The end of the CNAME chain at a name. @throws DnsError */
export interface Aliases {
  followAlias(name: string, signal: AbortSignal): Promise<string>;
}

/** Resolves once every authoritative server shows the record. @throws DnsError */
export interface Visibility {
  waitFor(record: TxtRecord, signal: AbortSignal): Promise<void>;
}

export interface DnsSolverOptions {
  readonly provider: DnsProvider;
  readonly aliases: Aliases;
  readonly visibility: Visibility;
  /** Where it is on record what stands in the zone, for whoever has to take it away. */
  readonly store: ChallengeStore;
}

export class DnsSolver implements Solver {
  readonly kind = 'dns-01';
  readonly #options: DnsSolverOptions;
  /** Where each was written: an alias may be changed while the authority looks. By the key authorization, which has the token. */
  readonly #written = new Map<string, TxtRecord>();
  readonly #proofs: StandingProofs;

  constructor(options: DnsSolverOptions) {
    this.#options = options;
    this.#proofs = new StandingProofs(options.store);
  }

  async present(challenge: Challenge, signal: AbortSignal): Promise<void> {
    const { provider, aliases } = this.#options;
    const target = await aliases.followAlias(challengeName(challenge.name), signal);
    for (const left of await this.#proofs.left(challenge)) {
      this.#written.set(left.keyAuthorization, recordOf(left, target));
      // It may stay once more: the next one tries again.
      await this.cleanUp(left).catch(() => undefined);
    }
    const record = recordOf(challenge, target);
    await this.#proofs.put(challenge);
    this.#written.set(challenge.keyAuthorization, record);
    await provider.add(record, signal);
  }

  async wait(challenge: Challenge, signal: AbortSignal): Promise<void> {
    const record = this.#written.get(challenge.keyAuthorization);
    if (record !== undefined) await this.#options.visibility.waitFor(record, signal);
  }

  async cleanUp(challenge: Challenge): Promise<void> {
    const record = this.#written.get(challenge.keyAuthorization);
    if (record === undefined) return;
    this.#written.delete(challenge.keyAuthorization);
    this.#proofs.giveUp(challenge);
    // The order's own signal may be what ended it.
    await this.#options.provider.remove(record, AbortSignal.timeout(cleanUpMs));
    await this.#proofs.remove(challenge);
  }
}

function recordOf({ name: domain, token, keyAuthorization }: Challenge, target: string): TxtRecord {
  return challengeRecord({ domain, token, keyAuthorization }, target);
}

/** A provider that takes longer to delete one record is down; the lease must not wait for it. */
const cleanUpMs = 30_000;
