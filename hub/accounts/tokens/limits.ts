// How long tokens live and how many there may be: every number with its reason (security rows A-16, B-05).

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export const personalTokenLimits = {
  /** a forgotten token dies within a season; whoever wants a year says so. */
  usualLifeMs: 90 * dayMs,
  mostLifeMs: 365 * dayMs,
  /** What cannot live an hour is better a login. */
  leastLifeMs: 60 * minuteMs,
  /** One per program somebody runs, with room to spare; a loop that makes tokens ends here. */
  perAccount: 50,
  networks: 20,
};

export const deviceTokenLimits = {
  /** B-05: a television that nobody turned on for half a year is gone or sold. */
  idleMs: 180 * dayMs,
  lifeMs: 365 * dayMs,
  /** A household with every screen it ever had. */
  perAccount: 100,
};

/** "Last used" to the minute is what a person wants to know; a row written for each request is what a database does not. */
export const useNotedEveryMs = minuteMs;

/** A dead token stays in sight so long: "expired in March" explains why a script fails. */
export const deadTokensKeptMs = 30 * dayMs;

/** Remembered at once, so that a program that repeats itself counts as one failure: 2 MB. Each address fills ten at most. */
export const deadBearersKept = 10_000;

/** Where tokens were good lately, in memory: 1 MB. */
export const familiarPlacesKept = 10_000;

export const maxTokenNameLength = 64;

export const deviceGrantLimits = {
  /** B-05: from the code on the screen to the click, with a sign-in in between. */
  lifeMs: 300_000,
  /** RFC 8628 §3.2: what a device waits that was told nothing. */
  intervalMs: 5000,
  slowDownMs: 5000,
  /** A punctual device whose packets travel at different speeds is not too fast. */
  toleranceMs: 500,
  /** After the click, though the code would have expired: longer than any interval that a well-behaved device has. */
  fetchMs: 60_000,
  /** After the end, so that a device that polls late reads "expired" instead of "never heard of". */
  keptMs: 600_000,
  /** B-05: a house that sets up everything at once. */
  perAddress: 10,
  /** B-05: 1,000 of 20^8 codes are out at most, and a guess meets one of them once in 25 million. */
  perHub: 1000,
};

const codeWindowMs = 10 * minuteMs;

/** B-05: wrong codes within ten minutes, of one person and from one place; then ten minutes without any. */
export const codeRules = {
  account: { failures: 5, windowMs: codeWindowMs, blockMs: codeWindowMs },
  address: { failures: 20, windowMs: codeWindowMs, blockMs: codeWindowMs },
};
