// What one check of the doctor found, and what mends it.

export interface Finding {
  /** What was looked at, in the words of the table. */
  readonly check: string;
  /** `unknown`: it cannot be told from here. Only `wrong` is a failure. */
  readonly state: 'ok' | 'warning' | 'wrong' | 'unknown';
  readonly found: string;
  readonly remedy?: string;
}

/** The sentences of our errors read "what happened: what to do". */
export function findingOf(
  check: string,
  sentence: string,
  state: Finding['state'] = 'wrong',
): Finding {
  const at = sentence.indexOf(': ');
  if (at < 0) return { check, state, found: sentence };
  return { check, state, found: sentence.slice(0, at), remedy: sentence.slice(at + 2) };
}
