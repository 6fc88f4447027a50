// What one look found leaves in the words that the doctors of hub and agent share, with what mends it.

export const findingStates = ['ok', 'unknown', 'warning', 'failure'] as const;
/** `unknown`: it cannot be told from here. Only `failure` makes the whole ill. */
export type FindingState = (typeof findingStates)[number];

/** A finding that does not yet know which look it came from. */
export interface Verdict {
  readonly state: FindingState;
  /** How it is. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface Finding extends Verdict {
  /** `dns.hub`: stable, `area.reason`. */
  readonly check: string;
}

export function ok(message: string): Verdict {
  return { state: 'ok', message };
}

/** With a remedy: where else it can be seen. */
export function unknown(message: string, remedy?: string): Verdict {
  return { state: 'unknown', message, ...(remedy !== undefined && { remedy }) };
}

export function warning(message: string, remedy: string): Verdict {
  return { state: 'warning', message, remedy };
}

export function failure(message: string, remedy: string): Verdict {
  return { state: 'failure', message, remedy };
}

/** The sentences of our errors read "what happened: what to do", in small letters, since logs put them behind a colon. */
export function explained(state: Exclude<FindingState, 'ok'>, sentence: string): Verdict {
  const at = seamOf(sentence);
  if (at === undefined) return { state, message: whole(sentence) };
  return { state, message: whole(sentence.slice(0, at)), remedy: whole(sentence.slice(at + 2)) };
}

/** Where what to do begins. Within parentheses others speak, who have colons of their own. */
function seamOf(sentence: string): number | undefined {
  for (const { index } of sentence.matchAll(/[:;] /g)) {
    const before = sentence.slice(0, index);
    if (before.split('(').length <= before.split(')').length) return index;
  }
  return undefined;
}

/** With a capital, unless it begins with a name that has none, and with a full stop. */
export function whole(text: string): string {
  const begun = /^[a-z'’]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ state }) => state !== 'failure');
}

/** What cannot be told from here worries nobody. */
export function worstOf(findings: readonly Finding[]): 'ok' | 'warning' | 'failure' {
  const states = new Set(findings.map(({ state }) => state));
  if (states.has('failure')) return 'failure';
  return states.has('warning') ? 'warning' : 'ok';
}
