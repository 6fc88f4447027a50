// What was counted of one key arrives; whether one more try may be made now leaves, with the count after it (row A-10). Pure.

/** Of an address, an account, a browser. */
export interface Count {
  /** In the window that began at `since`. */
  readonly failures: number;
  readonly since: Date;
  /** In the day that began at `daySince`. */
  readonly dayFailures: number;
  readonly daySince: Date;
  /** Refused before then. */
  readonly until: Date | undefined;
}

export interface Rule {
  readonly failures: number;
  readonly windowMs: number;
  /** How long the last allowed failure of a window closes the key. */
  readonly blockMs: number;
  /** One that fails so often within a day is closed for longer. */
  readonly perDay?: { readonly failures: number; readonly blockMs: number };
}

const dayMs = 24 * 60 * 60 * 1000;

export type Judgement =
  | { readonly refusedMs: number }
  /** `closes`: this try, should it fail, is the last for now. */
  | { readonly count: Count; readonly closes: boolean };

/**
 * A try is counted before it is made: of a hundred at the same moment no more pass than one after the other. What
 * succeeds is given back (withoutOne).
 */
export function judge(before: Count | undefined, rule: Rule, now: Date): Judgement {
  const refusedMs = waitMs(before, now);
  if (refusedMs > 0) return { refusedMs };
  const window = spanOf(before?.since, before?.failures, rule.windowMs, now);
  const day = spanOf(before?.daySince, before?.dayFailures, dayMs, now);
  const closesForDays = rule.perDay !== undefined && day.failures >= rule.perDay.failures;
  const closes = closesForDays || window.failures >= rule.failures;
  const blockMs = closesForDays ? (rule.perDay?.blockMs ?? rule.blockMs) : rule.blockMs;
  const until = closes ? new Date(now.getTime() + blockMs) : undefined;
  const count = {
    failures: window.failures,
    since: window.since,
    dayFailures: day.failures,
    daySince: day.since,
    until,
  };
  return { count, closes };
}

/** 0: now. */
export function waitMs(count: Count | undefined, now: Date): number {
  return Math.max(0, (count?.until?.getTime() ?? 0) - now.getTime());
}

/** The count as if that try had not been: undefined, where nothing is left of it. */
export function withoutOne(count: Count, { closed }: { closed: boolean }): Count | undefined {
  const failures = Math.max(0, count.failures - 1);
  const dayFailures = Math.max(0, count.dayFailures - 1);
  if (failures + dayFailures === 0) return undefined;
  return { ...count, failures, dayFailures, until: closed ? undefined : count.until };
}

/** When nobody needs to know of it any more. */
export function forgottenAt({ since, daySince, until }: Count, rule: Rule): Date {
  const ends = [since.getTime() + rule.windowMs, until?.getTime() ?? 0];
  if (rule.perDay !== undefined) ends.push(daySince.getTime() + dayMs);
  return new Date(Math.max(...ends));
}

function spanOf(
  since: Date | undefined,
  failures: number | undefined,
  lengthMs: number,
  now: Date,
): { failures: number; since: Date } {
  const isOver = since === undefined || now.getTime() - since.getTime() >= lengthMs;
  return isOver ? { failures: 1, since: now } : { failures: (failures ?? 0) + 1, since };
}
