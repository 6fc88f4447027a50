// What an agent finds when it looks at itself leaves in the bounds in which it passes to its hub: how many, how long, and nothing that is not printable.

import type { Finding } from './finding.ts';

/** `line`: measured, which costs the line a few seconds; `home`: everything else that the doctor looks at. */
export const checkupParts = ['home', 'line'] as const;
export type CheckupPart = (typeof checkupParts)[number];

/** An agent looks at twenty things. */
export const maxFindings = 40;
/** The longest of ours has 450 characters: a certificate's names, its pin, and the way to use that. */
export const maxFindingText = 800;
/** Of a whole report: twenty of ours are 6 KB. */
export const maxReportBytes = 48 * 1024;

/** `area.reason`. */
export const checkName = /^[a-z]{1,20}\.[a-z-]{1,40}$/;
/** No control, no mark that turns the direction of what follows, no half of a pair. */
export const printable = /^\P{C}*$/u;

/** Names of servers and certificates are strangers' words: what the hub would refuse is cut off, or shown to have been there. */
export function reportable(findings: readonly Finding[]): Finding[] {
  return findings.slice(0, maxFindings).map(({ check, state, message, remedy }) => ({
    check,
    state,
    message: bounded(message),
    ...(remedy !== undefined && { remedy: bounded(remedy) }),
  }));
}

function bounded(text: string): string {
  const plain = text.replaceAll(/\p{C}/gu, '\uFFFD');
  if (plain.length <= maxFindingText) return plain;
  // Cut where a pair is not cut in two.
  return `${plain.slice(0, maxFindingText - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
