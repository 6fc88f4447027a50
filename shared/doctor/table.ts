// Findings arrive; a table for people leaves: a row for each, the remedy below it, and the sum at the end.

import { isHealthy, type Finding, type FindingState } from './finding.ts';

export function describeFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, message, remedy }) => [
    `${marks[state]}  ${check.padEnd(width)}  ${printable(message)}`,
    ...(remedy === undefined
      ? []
      : [`${' '.repeat(marks[state].length + width + 4)}-> ${printable(remedy)}`]),
  ]);
  return [...lines, '', sumOf(findings)].join('\n');
}

/** Of one width. */
const marks: Readonly<Record<FindingState, string>> = {
  ok: 'ok     ',
  unknown: '?      ',
  warning: 'warning',
  failure: 'FAILURE',
};

function sumOf(findings: readonly Finding[]): string {
  const count = (wanted: FindingState): number =>
    findings.filter(({ state }) => state === wanted).length;
  const [wrong, doubtful] = [count('failure'), count('warning')];
  const more = doubtful === 0 ? '' : `; ${doubtful} should be looked at`;
  if (isHealthy(findings)) return `nothing is wrong${more}`;
  return `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong${more}`;
}

/** Names of servers and certificates are strangers' words, and a terminal acts on what is not printable. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '\uFFFD');
}
