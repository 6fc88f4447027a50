// Names that are about to be ordered arrive; what in their DNS would make the order fail leaves, in words to paste into a DNS panel.

import { randomBytes } from 'node:crypto';

import type { AuthorityName } from '../acme/authority.ts';
import type { CertificateWish } from '../life/certificate.ts';
import type { Authoritative } from './authoritative.ts';
import { caaObstacle, type CaaRecord } from './caa.ts';
import { challengeName, challengeRecord, withoutWildcard } from './challenge-record.ts';
import { checkDelegation, delegationAdvice, missingDelegation } from './delegation.ts';
import { DnsError } from './failure.ts';
import type { Finding } from './finding.ts';
import type { Propagation } from './propagation.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';

/** What CAA records know an authority, and the hub's account there, by. */
export interface AuthorityStanding {
  /** `caaIdentities` of its directory; empty: it does not say. */
  readonly identities: readonly string[];
  /** Undefined: not registered yet. */
  readonly accountUrl: string | undefined;
}

export interface PreflightOptions {
  readonly authoritative: Authoritative;
  readonly propagation: Pick<Propagation, 'waitFor'>;
  /** Undefined: nothing is proved by dns-01. */
  readonly provider: DnsProvider | undefined;
  readonly standingOf: (name: AuthorityName, signal: AbortSignal) => Promise<AuthorityStanding>;
  readonly now?: (() => number) | undefined;
}

export type PreflightWish = Pick<CertificateWish, 'authority' | 'challenge' | 'names'>;

/** A canary that was seen speaks for the hour: ten renewals at once need not write ten. */
const canaryLifeMs = 3_600_000;
const cleanUpMs = 30_000;

export class Preflight {
  readonly #options: PreflightOptions;
  readonly #now: () => number;
  /** Where a canary was seen, and when. */
  readonly #seen = new Map<string, number>();

  constructor(options: PreflightOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws DnsError the first finding that stands in the way */
  async assertReady(wish: PreflightWish, signal: AbortSignal): Promise<void> {
    const findings = await this.check(wish, signal);
    const obstacle = findings.find(({ severity }) => severity === 'blocks');
    if (obstacle !== undefined) throw obstacle.error;
  }

  /** All that is found; what the authority itself does not say (its directory) is thrown. */
  async check(wish: PreflightWish, signal: AbortSignal): Promise<Finding[]> {
    const domains = [...new Set(wish.names.map(withoutWildcard))];
    const findings: Finding[] = [];
    const places = new Set<string>();
    for (const domain of domains) {
      const work =
        wish.challenge === 'dns-01'
          ? this.#checkChallengeName(domain, places, signal)
          : this.#checkAddress(domain, signal);
      // An authority asks servers of its own: that ours say nothing keeps it from no address.
      const severity = wish.challenge === 'dns-01' ? 'blocks' : 'warns';
      findings.push(...(await caught(work, severity, signal)));
    }
    const standing = await this.#options.standingOf(wish.authority, signal);
    for (const name of wish.names) {
      // Where the name is proved over a port, a resolver of the house may know what public servers do not.
      const severity = wish.challenge === 'dns-01' ? 'blocks' : 'warns';
      findings.push(
        ...(await caught(this.#checkCaa(name, wish, standing, signal), severity, signal)),
      );
    }
    if (findings.some(({ severity }) => severity === 'blocks')) return onceEach(findings);
    for (const place of places) {
      findings.push(...(await caught(this.#releaseCanary(place, signal), 'blocks', signal)));
    }
    return onceEach(findings);
  }

  /** Puts where the record would have to stand into `places`. */
  async #checkChallengeName(
    domain: string,
    places: Set<string>,
    signal: AbortSignal,
  ): Promise<Finding[]> {
    const { authoritative, provider } = this.#options;
    const place = await this.#placeOf(domain, signal);
    if (places.has(place)) return [];
    places.add(place);
    if (authoritative.asksResolversOnly) return [];
    const zone = await authoritative.zoneOf(place, signal);
    const missing = missingDelegation(provider?.delegations ?? [], place, zone);
    if (missing !== undefined) throw missing;
    return checkDelegation(authoritative, zone, signal);
  }

  async #placeOf(domain: string, signal: AbortSignal): Promise<string> {
    const { authoritative, provider } = this.#options;
    const delegations = provider?.delegations ?? [];
    try {
      return await authoritative.followAlias(challengeName(domain), signal);
    } catch (error) {
      signal.throwIfAborted();
      const isOurs = delegations.length > 0 && error instanceof DnsError;
      if (!isOurs || error.code !== 'dns.not-delegated') throw error;
      // Most likely it is the hub's own zone that nobody reaches yet.
      const message = `${error.message} If it is about a zone of this hub: ${delegationAdvice(delegations)}`;
      throw new DnsError('dns.not-delegated', message, { cause: error });
    }
  }

  async #checkAddress(domain: string, signal: AbortSignal): Promise<Finding[]> {
    const { authoritative } = this.#options;
    for (const type of ['A', 'AAAA'] as const) {
      const { answers } = await authoritative.resolve(domain, type, signal);
      if (answers.some((answer) => answer.type === type)) return [];
    }
    // A resolver may still remember that there was none.
    for (const type of ['A', 'AAAA'] as const) {
      if ((await authoritative.find(domain, type, signal)).records.length > 0) return [];
    }
    const message = `${domain} leads to no address, so no authority can look at this hub under it: add the record ${domain}. A <the hub's public address> (AAAA for IPv6) to its zone.`;
    return [{ severity: 'blocks', error: new DnsError('dns.no-address', message) }];
  }

  async #checkCaa(
    name: string,
    { challenge }: PreflightWish,
    standing: AuthorityStanding,
    signal: AbortSignal,
  ): Promise<Finding[]> {
    const relevant = await this.#relevantCaa(withoutWildcard(name), signal);
    if (relevant === undefined) return [];
    const isWildcard = name.startsWith('*.');
    const obstacle = caaObstacle(relevant.records, { isWildcard, challenge, ...standing });
    if (obstacle === undefined) return [];
    const remedy =
      obstacle.record === undefined
        ? 'remove it'
        : `add the record ${relevant.place}. ${obstacle.record} to the zone`;
    const message = `The CAA records at ${relevant.place} do not let ${standing.identities[0] ?? 'the authority'} certify ${name}: ${obstacle.reason}; ${remedy}.`;
    return [{ severity: 'blocks', error: new DnsError('dns.caa', message) }];
  }

  /** The records nearest to the name, upward (RFC 8659 §3). No registry keeps any for all below it. */
  async #relevantCaa(
    name: string,
    signal: AbortSignal,
  ): Promise<{ place: string; records: CaaRecord[] } | undefined> {
    const labels = name.split('.');
    const last = Math.max(1, labels.length - 1);
    for (let from = 0; from < last; from += 1) {
      const place = labels.slice(from).join('.');
      const { records } = await this.#options.authoritative.find(place, 'CAA', signal);
      const found = records.flatMap((record) =>
        record.type === 'CAA' ? [asCaa(record.data)] : [],
      );
      if (found.length > 0) return { place, records: found };
    }
    return undefined;
  }

  /** Writes, sees and takes away a record as the proof will be. */
  async #releaseCanary(place: string, signal: AbortSignal): Promise<Finding[]> {
    const { provider, propagation } = this.#options;
    const seenAt = this.#seen.get(place);
    const isFresh = seenAt !== undefined && this.#now() - seenAt < canaryLifeMs;
    if (provider === undefined || isFresh) return [];
    const canary = canaryAt(place);
    try {
      await provider.add(canary, signal);
      await propagation.waitFor(canary, signal);
    } catch (error) {
      await provider.remove(canary, AbortSignal.timeout(cleanUpMs)).catch(() => undefined);
      throw error;
    }
    this.#seen.set(place, this.#now());
    // An order can succeed beside it; the operator has to remove it by hand.
    return caught(
      provider.remove(canary, AbortSignal.timeout(cleanUpMs)).then(() => []),
      'warns',
      signal,
    );
  }
}

/** The same servers are asked about several names, and fail in the same words. */
function onceEach(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [finding.error.message, finding])).values()];
}

function canaryAt(place: string): TxtRecord {
  const token = randomBytes(32).toString('base64url');
  const domain = place.replace(/^_acme-challenge\./, '');
  return challengeRecord({ domain, token, keyAuthorization: `${token}.preflight` }, place);
}

function asCaa(data: { flags?: number | undefined; tag: string; value: string }): CaaRecord {
  return { flags: data.flags ?? 0, tag: data.tag, value: data.value };
}

/** What is wrong with the DNS is a finding; anything else is thrown. */
async function caught(
  work: Promise<Finding[]>,
  severity: Finding['severity'],
  signal: AbortSignal,
): Promise<Finding[]> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DnsError) return [{ severity, error }];
    throw error;
  }
}
