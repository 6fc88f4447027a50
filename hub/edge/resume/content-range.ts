// The value of a Content-Range field arrives; the place of a part in its whole leaves, if it is a possible one (RFC 9110 §14.4).

export interface ContentRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
  /** Undefined where the origin wrote `*`: it does not know. */
  readonly completeLength: number | undefined;
}

export function parseContentRange(value: string): ContentRange | undefined {
  const match = contentRange.exec(value);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const completeLength = match[3] === '*' ? undefined : Number(match[3]);
  if (first > last || (completeLength !== undefined && last >= completeLength)) return undefined;
  return { first, last, completeLength };
}

/** Fifteen digits stay exact in a double and hold a petabyte. */
const contentRange = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i;
