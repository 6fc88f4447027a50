// The claims to one hostname and what DNS says arrive; the claims leave as they stand afterwards. Pure: a table, and three clocks.

import {
  isHolder,
  proofPrefix,
  type DomainClaim,
  type DomainState,
  type DropReason,
  type Finding,
} from './domain.ts';
import { eagerness, type DomainLimits } from './limits.ts';

/** What one look at a hostname found. */
export interface Observation {
  readonly at: Date;
  /** The values of its proof record; undefined: no answer. */
  readonly proofs: readonly string[] | undefined;
  readonly way: Finding['way'];
  readonly strangers: readonly string[];
  /** The hub's own name was answered for in the same look: silence is the domain's, not that of the hub's resolver. */
  readonly isSound: boolean;
}

type Living = Exclude<DomainState, 'dropped'>;
/** `silent`: not enough was answered to tell. */
type Verdict = 'in-order' | 'unproven' | 'astray' | 'silent';

/** The whole life of a claim but for its end. */
const next: Readonly<Record<Living, Readonly<Record<Verdict, Living>>>> = {
  waiting: { 'in-order': 'active', unproven: 'waiting', astray: 'waiting', silent: 'waiting' },
  active: { 'in-order': 'active', unproven: 'withdrawn', astray: 'unreachable', silent: 'active' },
  unreachable: {
    'in-order': 'active',
    unproven: 'withdrawn',
    astray: 'unreachable',
    silent: 'unreachable',
  },
  withdrawn: {
    'in-order': 'active',
    unproven: 'withdrawn',
    astray: 'unreachable',
    silent: 'withdrawn',
  },
};

/** All claims that were not dropped before, in their order. `random` from 0 to 1 spreads the next looks. */
export function judge(
  claims: readonly DomainClaim[],
  seen: Observation,
  limits: DomainLimits,
  random: () => number = Math.random,
): DomainClaim[] {
  const living = claims.filter(({ state }) => state !== 'dropped');
  // An older look must not undo what a newer one found.
  if (living.some(({ checkedAt }) => checkedAt !== undefined && checkedAt > seen.at)) return [];
  const holder = living.find(isHolder);
  const heir = heirOf(living, holder, seen);
  const proven = heir ?? (holder !== undefined && isShown(holder, seen) ? holder : undefined);
  return living.map((claim) => {
    const finding = findingOf(claim, seen, proven);
    const looked = { ...claim, finding, checkedAt: seen.at };
    if (heir !== undefined && claim === holder) return dropped(looked, 'moved', seen.at);
    const judged = judgeOne(looked, verdictOf(finding), seen, limits);
    // Name servers that say nothing cost the most, and nobody waits for them.
    const isMute = verdictOf(finding) === 'silent' && seen.isSound;
    const everyMs = isMute ? limits.checkIntervalMs : pauseAfter(judged, seen.at, limits);
    // A tenth to either side: what began together does not stay together.
    return { ...judged, nextCheckAt: later(seen.at, everyMs * (0.9 + 0.2 * random())) };
  });
}

/**
 * Who may write the domain's DNS decides whose it is: a waiting claim takes the place of the holder as soon as its proof is
 * there and the holder's is not. With both there the holder keeps it, with no holder the oldest is first.
 */
function heirOf(
  living: readonly DomainClaim[],
  holder: DomainClaim | undefined,
  seen: Observation,
): DomainClaim | undefined {
  if (seen.way !== 'here' || (holder !== undefined && isShown(holder, seen))) return undefined;
  return living
    .filter((claim) => claim !== holder && isShown(claim, seen))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))[0];
}

function isShown({ token }: DomainClaim, { proofs }: Observation): boolean {
  return proofs?.includes(`${proofPrefix}${token}`) === true;
}

/** `proven`: the one claim whose proof counts, if there is one. */
function findingOf(
  claim: DomainClaim,
  seen: Observation,
  proven: DomainClaim | undefined,
): Finding {
  return { proof: proofOf(claim, seen, proven), way: seen.way, strangers: seen.strangers };
}

function proofOf(
  claim: DomainClaim,
  seen: Observation,
  proven: DomainClaim | undefined,
): Finding['proof'] {
  if (seen.proofs === undefined) return 'unanswered';
  if (isShown(claim, seen)) return proven === undefined || proven === claim ? 'present' : 'held';
  return seen.proofs.some((value) => value.startsWith(proofPrefix)) ? 'other' : 'absent';
}

function verdictOf({ proof, way }: Finding): Verdict {
  if (proof === 'absent' || proof === 'other' || proof === 'held') return 'unproven';
  if (way === 'elsewhere' || way === 'nowhere') return 'astray';
  return proof === 'present' && way === 'here' ? 'in-order' : 'silent';
}

function judgeOne(
  claim: DomainClaim,
  verdict: Verdict,
  seen: Observation,
  limits: DomainLimits,
): DomainClaim {
  const { state } = claim;
  if (state === 'dropped') return claim;
  // When the hub's own resolver is out of order, nobody is to lose a domain for it.
  if (verdict === 'silent' && !seen.isSound) return claim;
  if (state === 'waiting' && verdict !== 'in-order') {
    const isOver = seen.at.getTime() - claim.createdAt.getTime() >= limits.proofPatienceMs;
    return isOver ? dropped(claim, 'unproven', seen.at) : claim;
  }
  const troubledSince = verdict === 'in-order' ? undefined : (claim.troubledSince ?? seen.at);
  const troubledMs = troubledSince === undefined ? 0 : seen.at.getTime() - troubledSince.getTime();
  // Silence is no word against a domain: it has its own day before the grace of everybody else.
  const graceMs = limits.graceMs + (verdict === 'silent' ? limits.silenceMs : 0);
  if (troubledMs >= graceMs) return dropped({ ...claim, troubledSince }, 'grace', seen.at);
  const isMute = verdict === 'silent' && state === 'active' && troubledMs >= limits.silenceMs;
  const to = isMute ? 'unreachable' : next[state][verdict];
  return {
    ...claim,
    state: to,
    stateSince: to === state ? claim.stateSince : seen.at,
    troubledSince,
  };
}

function dropped(claim: DomainClaim, dropReason: DropReason, at: Date): DomainClaim {
  return { ...claim, state: 'dropped', stateSince: at, dropReason };
}

/** Often while somebody waits for it, then as often as for everybody. */
function pauseAfter(claim: DomainClaim, at: Date, { checkIntervalMs }: DomainLimits): number {
  const since = claim.state === 'waiting' ? claim.createdAt : claim.troubledSince;
  if (since === undefined) return checkIntervalMs;
  const ageMs = at.getTime() - since.getTime();
  const eager = eagerness.find(({ untilMs }) => ageMs < untilMs)?.everyMs ?? checkIntervalMs;
  return Math.min(eager, checkIntervalMs);
}

function later(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}
