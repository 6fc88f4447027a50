// A claim arrives; what its owner reads leaves: how it stands in one sentence, and the DNS records to set.

import { durationText } from '../../../shared/settings/kinds.ts';
import {
  proofNameOf,
  proofValueOf,
  type DomainClaim,
  type DropReason,
  type Finding,
} from './domain.ts';
import type { DomainLimits } from './limits.ts';

export interface DnsRecord {
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT';
  readonly name: string;
  readonly value: string;
}

/** Where a server's visitors come in. */
export interface Destination {
  /** What a CNAME points to: the server's own address, or the hub's while it has none. */
  readonly hostname: string;
  /** What that resolves to, for domains that cannot have a CNAME. */
  readonly addresses: readonly string[];
}

export function proofRecordOf({ hostname, token }: DomainClaim): DnsRecord {
  return { type: 'TXT', name: proofNameOf(hostname), value: proofValueOf(token) };
}

/** One way to lead visitors here. */
export function aliasRecordOf({ hostname }: DomainClaim, destination: Destination): DnsRecord {
  return { type: 'CNAME', name: hostname, value: destination.hostname };
}

/** The other way, for a domain that has other records beside (RFC 1034 §3.6.2): the very name that was bought. */
export function addressRecordsOf({ hostname }: DomainClaim, destination: Destination): DnsRecord[] {
  return destination.addresses.map((value) => ({
    type: value.includes(':') ? 'AAAA' : 'A',
    name: hostname,
    value,
  }));
}

/** How it stands and what to do, as a sentence or two. */
export function sentenceOf(claim: DomainClaim, limits: DomainLimits): string {
  const { state, finding } = claim;
  if (state === 'dropped') return dropSentence(claim, limits);
  if (finding === undefined) return 'The hub has not looked at its DNS yet.';
  if (state === 'active' && claim.troubledSince === undefined) {
    return 'It is proven, and visitors are led here.';
  }
  return `${problemOf(claim, finding)}${prospectOf(claim, limits)}`;
}

function prospectOf(claim: DomainClaim, limits: DomainLimits): string {
  const end = endOf(claim, limits);
  if (end === undefined) return '';
  return claim.state === 'waiting'
    ? ` The hub looks again and again until ${minuteOf(end)}.`
    : ` It goes on being served until ${minuteOf(end)}; then it is dropped.`;
}

function problemOf(claim: DomainClaim, { proof, way, strangers }: Finding): string {
  const { hostname, state } = claim;
  const record = proofRecordOf(claim);
  if (proof === 'absent') {
    const what = state === 'waiting' ? 'is not there yet' : 'is gone';
    return `The TXT record ${record.name} ${what}: set it to ${record.value}.`;
  }
  if (proof === 'other') {
    return `The TXT record ${record.name} holds another claim's proof: add ${record.value} beside it, or in its place.`;
  }
  if (proof === 'held') {
    return `Another server of this hub is proven for ${hostname} too, and was first: remove its value from the TXT record ${record.name}.`;
  }
  if (way === 'elsewhere') {
    const those = strangers.length === 1 ? 'that address' : 'those addresses';
    return `${hostname} leads to ${strangers.join(', ')}, which is not this hub: remove ${those} from its DNS, and point it here.`;
  }
  if (way === 'nowhere') return `${hostname} has no address yet: point it here.`;
  return `The name servers of ${hostname} did not answer: they are asked again.`;
}

function dropSentence({ dropReason, stateSince }: DomainClaim, limits: DomainLimits): string {
  const anew = 'add it again for a new proof';
  const because: Record<DropReason, string> = {
    moved: 'its DNS proves another server now',
    revoked: 'its server was revoked',
    unproven: `nobody proved it within ${durationText(limits.proofPatienceMs)}: ${anew}`,
    grace: `it was not in order for ${durationText(limits.graceMs)}: ${anew}`,
  };
  return `It was dropped on ${minuteOf(stateSince)}, because ${because[dropReason ?? 'grace']}.`;
}

/** When patience ends; undefined: nothing is amiss. */
export function endOf(claim: DomainClaim, limits: DomainLimits): Date | undefined {
  if (claim.state === 'dropped') return undefined;
  if (claim.state === 'waiting') {
    return new Date(claim.createdAt.getTime() + limits.proofPatienceMs);
  }
  if (claim.troubledSince === undefined) return undefined;
  const isSilent = claim.finding?.proof === 'unanswered' || claim.finding?.way === 'unanswered';
  const graceMs = limits.graceMs + (isSilent ? limits.silenceMs : 0);
  return new Date(claim.troubledSince.getTime() + graceMs);
}

function minuteOf(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ') + ' UTC';
}
