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

export const maxTokenNameLength = 64;
