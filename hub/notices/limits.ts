// How much may be told, and how often it is tried, leaves here; each number with its reason.

export interface NoticeLimits {
  /** Waiting for their turn. More come only when everything fails at once, and then the first thousand say it. */
  readonly waiting: number;
  /** Each holds a connection for up to 30 s (mail) and a letter of a kilobyte. */
  readonly atOnce: number;
  /** Row A-22. */
  readonly tries: number;
  /** Before the second and the third: a receiver that restarts, and one that is updated. */
  readonly pausesMs: readonly number[];
  /** Of one kind to one audience within `windowMs`: whoever makes things happen must not fill a mailbox. */
  readonly perWindow: number;
  readonly windowMs: number;
  /** What `stop` leaves to those under way. */
  readonly stopMs: number;
}

export const defaultNoticeLimits: NoticeLimits = {
  waiting: 1000,
  atOnce: 4,
  tries: 3,
  pausesMs: [5000, 60_000],
  perWindow: 20,
  windowMs: 3_600_000,
  stopMs: 5000,
};
