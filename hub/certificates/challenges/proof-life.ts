// How long a stored proof answers if nobody takes it away: this is all that cleans up behind a process that was killed.

/** An order of a hundred names, with an authority that takes its two minutes for each verdict, is over long before. */
export const proofLifeMs = 30 * 60_000;
