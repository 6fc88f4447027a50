// A claim to a domain arrives; what the hub holds for it, or why it does not yet, leaves.

import type { HubConfig } from '../config.ts';
import type { Stores } from '../composition/stores.ts';
import { isHolder, type DomainClaim } from '../tunnels/domains/domain.ts';

export interface DomainCertificate {
  /** Null: there is none that is good. */
  readonly until: Date | null;
  /** Of the last attempt, if that failed. */
  readonly problem: string | undefined;
}

/** Undefined: the hub orders none, or not for this one. */
export async function certificateOf(
  claim: DomainClaim,
  { tls }: HubConfig,
  stores: Pick<Stores, 'certificates'>,
): Promise<DomainCertificate | undefined> {
  if (tls.kind !== 'acme' || !isHolder(claim)) return undefined;
  const held = (await stores.certificates.list()).filter(
    ({ names, releasedAt }) => releasedAt === undefined && names.includes(claim.hostname),
  );
  const ends = held
    .flatMap(({ issued }) => issued?.notAfter.getTime() ?? [])
    .filter((end) => end > Date.now());
  const problem = held.find(({ attempts }) => attempts.lastError !== undefined)?.attempts.lastError;
  return {
    until: ends.length === 0 ? null : new Date(Math.max(...ends)),
    problem: problem?.message,
  };
}

export function certificateText({ until, problem }: DomainCertificate): string {
  const state =
    until === null
      ? 'Its certificate is not there yet; it is ordered within a minute, and visitors are turned away until it is'
      : `Its certificate is good until ${until.toISOString().slice(0, 10)}`;
  return problem === undefined ? `${state}.\n` : `${state}. The last attempt failed: ${problem}\n`;
}

export function certificateJson({ until, problem }: DomainCertificate): object {
  return { not_after: until?.toISOString() ?? null, last_error: problem ?? null };
}
