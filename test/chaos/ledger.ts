// What a fault cost arrives; it leaves as a line of JSON for whoever reads the run.

import type { Probe } from './visitors/probe.ts';
import type { Outcome } from './visitors/visit.ts';

interface Entry {
  readonly fault: string;
  /** From the fault to the first answer that tells a new visitor of it; undefined where visitors never notice. */
  readonly detectedMs: number | undefined;
  /** From the moment that recovery became possible (the process started again, the line restored) to a whole answer. */
  readonly recoveredMs: number | undefined;
  /** Visitors that were cut in the middle. */
  readonly interrupted: number;
  /** Visitors that got a byte which the origin did not send, or took a part for the whole. */
  readonly wrong: number;
}

/** Counts what became of the visitors. */
export function enter(
  times: Pick<Entry, 'fault' | 'detectedMs' | 'recoveredMs'>,
  outcomes: readonly Outcome[],
  probe?: Probe,
): Entry {
  const entry: Entry = {
    ...times,
    interrupted: outcomes.filter(({ end }) => end === 'cut' || end === 'refused').length,
    wrong: outcomes.filter(({ end }) => end === 'wrong').length + (probe?.wrong ?? 0),
  };
  process.stdout.write(`${JSON.stringify(entry)}\n`);
  return entry;
}
