// How often a stranger may guess, and how long what a person was given lasts, leave here. Every number is a setting; the reason stands beside its default.

import { availableParallelism } from 'node:os';

export interface AccountLimits {
  /** Failed sign-ins of one address (an IPv6 /64 is one) within `addressWindowMs`, then `addressBlockMs` of refusal. */
  readonly addressFailures: number;
  readonly addressWindowMs: number;
  readonly addressBlockMs: number;
  /** Failed sign-ins of one address within a day, then `addressBanMs`. */
  readonly addressFailuresPerDay: number;
  readonly addressBanMs: number;
  /** Failed sign-ins to one account within `accountWindowMs`; then one try every `slowMs` for browsers that it does not know. */
  readonly accountFailures: number;
  readonly accountWindowMs: number;
  readonly slowMs: number;
  /** Wrong second factors behind a right password within `factorWindowMs`; then none is looked at until it is over. */
  readonly factorFailures: number;
  readonly factorWindowMs: number;
  /** Counts kept at once. Those that refuse somebody are never given up for others. */
  readonly countedKeys: number;
  /** Argon2id takes 19 MiB and 30 ms of a core each. */
  readonly hashesAtOnce: number;
  /** Of them those of strangers, whose browser no account knows. */
  readonly strangersHashesAtOnce: number;
  readonly hashesQueued: number;
  /** A login ends when it is not used for so long, and at the latest after its life; admins' sooner. */
  readonly loginIdleMs: number;
  readonly loginLifeMs: number;
  readonly adminIdleMs: number;
  readonly adminLifeMs: number;
  /** Logins of one account at once; one more ends the oldest. 0: as many as there are browsers. */
  readonly loginsPerAccount: number;
  /** From the password to the second factor. */
  readonly signInMs: number;
  /** How long one proof lifts a login. */
  readonly stepUpMs: number;
  readonly setupMs: number;
  readonly invitationMs: number;
  /** After so long an admin without a second factor may only enrol one. */
  readonly adminGraceMs: number;
  /** How long a browser that signed in is known as the account's own. */
  readonly knownBrowserMs: number;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Row A-10's numbers: an honest person who forgot a password has tried all he knows after five times, a household after ten.
 * Against 35 guesses in a quarter of an hour any password that is in no list holds for centuries. Sign-ins and their ends are
 * row A-18's; an admin's browser that stands open over lunch is not an admin's any more.
 */
export const defaultAccountLimits: AccountLimits = {
  addressFailures: 10,
  addressWindowMs: 10 * minute,
  addressBlockMs: 15 * minute,
  addressFailuresPerDay: 20,
  addressBanMs: 30 * day,
  accountFailures: 5,
  accountWindowMs: 15 * minute,
  slowMs: 30 * second,
  factorFailures: 5,
  factorWindowMs: 15 * minute,
  // 20 MB of rows; a flood that fills them has made half a million guesses, of which each was limited.
  countedKeys: 100_000,
  // Four fill the threads that Node has for such work; 32 more are answered within a second, and people wait no longer.
  hashesAtOnce: 4,
  // Whoever tries lists of passwords shall never take more than half of the cores: films go through the others.
  strangersHashesAtOnce: Math.max(1, Math.floor(availableParallelism() / 2)),
  hashesQueued: 32,
  loginIdleMs: 7 * day,
  loginLifeMs: 30 * day,
  adminIdleMs: hour,
  adminLifeMs: 12 * hour,
  loginsPerAccount: 0,
  // Long enough to look for the telephone.
  signInMs: 10 * minute,
  stepUpMs: 10 * minute,
  setupMs: day,
  invitationMs: 7 * day,
  adminGraceMs: 7 * day,
  knownBrowserMs: 180 * day,
};
