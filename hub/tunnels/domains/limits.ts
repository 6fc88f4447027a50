// How long a domain may go unproven or astray, and how often the hub looks, leave here, each with its reason.

export interface DomainLimits {
  readonly domainsPerOwner: number;
  /** How often a domain in order is looked at. */
  readonly checkIntervalMs: number;
  /** How long one that is withdrawn or leads elsewhere is still served, and still its server's. */
  readonly graceMs: number;
  /** How long one may answer nothing at all before that counts as leading nowhere. */
  readonly silenceMs: number;
  /** How long the hub waits for a first proof. */
  readonly proofPatienceMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/**
 * An hour: ten thousand domains are then three looks a second, and whoever takes his record away finds it noticed the same
 * day. A week of grace: an expired domain is bought back, and a holiday is over, within one. A day of silence: longer than
 * any provider's outage of name servers. A month for the first proof: registrars move domains in less.
 */
export const defaultDomainLimits: DomainLimits = {
  domainsPerOwner: 1000,
  checkIntervalMs: hourMs,
  graceMs: 7 * dayMs,
  silenceMs: dayMs,
  proofPatienceMs: 30 * dayMs,
};

/** A dropped claim is shown for as long, so that its owner can still read why. */
export const keptAfterDropMs = 30 * dayMs;

/** While its owner edits his DNS he looks at the clock; after an hour he has gone to do something else. */
export const eagerness: readonly { readonly untilMs: number; readonly everyMs: number }[] = [
  { untilMs: hourMs, everyMs: minuteMs },
  { untilMs: dayMs, everyMs: 10 * minuteMs },
];
