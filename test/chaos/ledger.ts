// What a fault cost arrives; it leaves as a line of the table that `npm run chaos` prints.

import { appendFileSync, readFileSync } from 'node:fs';

import type { Probe } from './visitors/probe.ts';
import type { Outcome } from './visitors/visit.ts';

export interface Entry {
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

export const ledgerVariable = 'CHAOS_LEDGER';

/** Counts what became of the visitors, and keeps the entry for the table. */
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
  const path = process.env[ledgerVariable];
  if (path === undefined) process.stdout.write(`${JSON.stringify(entry)}\n`);
  else appendFileSync(path, `${JSON.stringify(entry)}\n`);
  return entry;
}

export function readLedger(path: string): Entry[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

export function tableOf(entries: readonly Entry[]): string {
  const rows = [
    ['fault', 'noticed', 'recovered', 'interrupted', 'wrong'],
    ...entries.map(({ fault, detectedMs, recoveredMs, interrupted, wrong }) => [
      fault,
      milliseconds(detectedMs),
      milliseconds(recoveredMs),
      String(interrupted),
      String(wrong),
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths?.[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  '),
    )
    .join('\n');
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${Math.round(value)} ms`;
}
