// A challenge arrives; its TXT record stands where `_acme-challenge.<name>` leads, seen at every authoritative server, until it is removed.

import { challengeName, challengeRecord } from '../dns/challenge-record.ts';
import type { DnsProvider, TxtRecord } from '../dns/provider.ts';
import type { Challenge, Solver } from './solver.ts';

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
}

export class DnsSolver implements Solver {
  readonly kind = 'dns-01';
  readonly #options: DnsSolverOptions;
  /** Where each was written: an alias may be changed while the authority looks. By the key authorization, which has the token. */
  readonly #written = new Map<string, TxtRecord>();

  constructor(options: DnsSolverOptions) {
    this.#options = options;
  }

  async present(challenge: Challenge, signal: AbortSignal): Promise<void> {
    const { provider, aliases } = this.#options;
    const target = await aliases.followAlias(challengeName(challenge.name), signal);
    const { name: domain, token, keyAuthorization } = challenge;
    const record = challengeRecord({ domain, token, keyAuthorization }, target);
    this.#written.set(keyAuthorization, record);
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
    // The order's own signal may be what ended it.
    await this.#options.provider.remove(record, AbortSignal.timeout(cleanUpMs));
  }
}

/** A provider that takes longer to delete one record is down; the lease must not wait for it. */
const cleanUpMs = 30_000;
