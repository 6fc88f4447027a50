// A time of day and the time now arrive; the last moment at which a backup was due leaves.

export interface Schedule {
  /** Minutes since midnight, UTC. */
  readonly minutes: number;
}

/** `daily 03:30`. Undefined: no such time. */
export function parseSchedule(text: string): Schedule | undefined {
  const match = /^daily ([01]\d|2[0-3]):([0-5]\d)$/.exec(text.trim().toLowerCase());
  return match === null ? undefined : { minutes: Number(match[1]) * 60 + Number(match[2]) };
}

export function lastDue({ minutes }: Schedule, now: Date): Date {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const due = today + minutes * minuteMs;
  return new Date(due <= now.getTime() ? due : due - dayMs);
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
