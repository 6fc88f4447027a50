// What a storm did arrives; a verdict, a table and one JSON object leave.

import { percentile } from '../../support/figures.ts';
import { leastUnderWay, viewerCount } from './audience.ts';
import { type FaultName, faults } from './faults.ts';
import type { StormResult, Struck } from './storm.ts';

/** A storm that cuts fewer downloads has not shown that cut ones go on. */
const leastCut = 20;

/** Sentences; none when all is well. */
export function complaintsAbout({ struck, failed, altered }: StormResult): string[] {
  const cut = sum(struck, 'cut');
  return [
    ...failed.map((text) => `failed: ${text}`),
    ...altered.map((text) => `altered: ${text}`),
    ...(cut < leastCut ? [`only ${cut} downloads were cut, which is less than ${leastCut}`] : []),
  ];
}

export function lineOf({ fault, underWay, cut, replayed, firstByteMs }: Struck): string {
  const parts = [
    fault.padEnd(20),
    `${underWay} under way`,
    `${cut} cut and resumed`,
    `${replayed} resumed by their viewers`,
    `first byte after ${Math.round(firstByteMs)} ms`,
  ];
  return parts.join('  ');
}

export function jsonOf(result: StormResult, seconds: number): object {
  const { struck, downloads, failed, altered, postponed, notResumed } = result;
  return {
    faults: struck.length,
    downloads,
    failed: failed.length,
    altered: altered.length,
    cut: sum(struck, 'cut'),
    resumedByViewers: sum(struck, 'replayed'),
    postponed,
    notResumed: notResumed.length,
    viewers: viewerCount,
    leastUnderWay: Math.min(...struck.map(({ underWay }) => underWay)),
    leastUnderWayAllowed: leastUnderWay,
    firstByteMs: recoveryOf(struck),
    byFault: Object.fromEntries(
      namesOf(struck).map((name) => {
        const these = struck.filter(({ fault }) => fault === name);
        return [
          name,
          {
            faults: these.length,
            judged: judgements[faults[name].downloads],
            cut: sum(these, 'cut'),
            resumedByViewers: sum(these, 'replayed'),
            firstByteMs: recoveryOf(these),
          },
        ];
      }),
    ),
    seconds,
  };
}

const judgements = {
  kept: 'each download that has begun ends whole on the connection it began on',
  replayed:
    'the connections die with the hub: viewers ask for the rest by Range, and every byte is right',
};

function namesOf(struck: readonly Struck[]): FaultName[] {
  return [...new Set(struck.map(({ fault }) => fault))].toSorted((a, b) => a.localeCompare(b));
}

/** Of the longest wait of somebody new at each fault. */
function recoveryOf(struck: readonly Struck[]): { median: number; worst: number } {
  const waits = struck.map(({ firstByteMs }) => firstByteMs);
  return { median: Math.round(percentile(waits, 0.5)), worst: Math.round(Math.max(...waits)) };
}

function sum(struck: readonly Struck[], field: 'cut' | 'replayed'): number {
  return struck.reduce((total, entry) => total + entry[field], 0);
}
