// The bounds of bans leave here, each with its reason.

/** Of operators' making. A list that is longer belongs into the firewall, which `ban list --nftables` feeds. */
export const maxOperatorBans = 10_000;

/** Of the guard's making; beyond, those that end soonest go. 50,000 take 15 MB. */
export const maxGuardBans = 50_000;

/** Wider than what one provider hands to one customer: whoever bans it is asked whether he means it. */
export const widePrefix = { ipv4: 16, ipv6: 32 } as const;

/** What is over is forgotten at this pace; it holds nobody back from the moment that it is over. */
export const sweepIntervalMs = 60_000;

/** Under an attack bans of other processes are read together. */
export const reloadDelayMs = 250;

export const maxReasonLength = 200;
