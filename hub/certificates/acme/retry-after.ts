// Headers of an answer arrive; how long the authority wants to hear nothing, and how far its clock is from ours, leave.

type Headers = Readonly<Record<string, string>>;

/** RFC 9110 §10.2.3: seconds or a date. Undefined: it does not say, or nonsense. */
export function retryAfterMs(headers: Headers, now: Date): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined) return undefined;
  const ms = /^\d{1,10}$/.test(value)
    ? Number(value) * 1000
    : // Counted from the authority's own clock: ours may be wrong.
      timeOf(value) - (timeOf(headers['date']) || now.getTime());
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestMs);
}

/**
 * Public authorities let a certificate begin an hour before it was made, for clocks that are wrong by less. What differs by
 * more is worth a person's attention: times of renewal, signatures of DNS updates and visitors' trust all hang on it.
 */
export const maxClockSkewMs = 3_600_000;

/** Positive: ours is ahead. Undefined: it does not tell the time. */
export function clockSkewMs(headers: Headers, now: Date): number | undefined {
  const skew = now.getTime() - timeOf(headers['date']);
  return Number.isNaN(skew) ? undefined : skew;
}

/** No limit of any authority lasts longer than a week; a date in the year 9999 must not end renewal for ever. */
const longestMs = 7 * 86_400_000;

function timeOf(text: string | undefined): number {
  return text === undefined ? Number.NaN : Date.parse(text);
}
