// `npm run life-of-certificates`: a hub is led through whole years with 1,000 names; a verdict, figures and a chart of each leave.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { hasParts } from '../support/parts.ts';
import { drawYear } from './chart.ts';
import { liveWithPebble } from './pebble-year.ts';
import { full, scenarios } from './scenarios.ts';
import { liveThrough, type Year } from './year.ts';

const { values } = parseArgs({
  options: {
    /** As the suite runs them. */
    quick: { type: 'boolean', default: false },
    /** In place of the simulated years: 50 names and a real Pebble, whose certificates end after 75 s. Eight minutes. */
    pebble: { type: 'boolean', default: false },
    /** One JSON object on the last line. */
    json: { type: 'boolean', default: false },
  },
});

const figures = values.pebble ? [await pebbleYear()] : await simulatedYears();
if (!figures.every(({ isGood }) => isGood)) process.exitCode = 1;
process.stdout.write(`${JSON.stringify(figures, undefined, values.json ? undefined : 2)}\n`);

interface Figures extends Record<string, unknown> {
  readonly name: string;
  readonly isGood: boolean;
}

async function simulatedYears(): Promise<Figures[]> {
  const folder = fileURLToPath(new URL('../../reports/certificates', import.meta.url));
  await mkdir(folder, { recursive: true });
  const figures: Figures[] = [];
  for (const [name, scenario] of Object.entries(scenarios)) {
    const year = await liveThrough(values.quick ? scenario : full(scenario));
    await writeFile(join(folder, `${name}.svg`), drawYear(year));
    // Without a second authority twenty days are longer than what is left of a certificate.
    const mayEnd = name === 'down-20-days-alone';
    const isGood = year.faults.length === 0 && (mayEnd || year.gaps.length === 0);
    figures.push({ name, isGood, ...figuresOf(year) });
  }
  return figures;
}

async function pebbleYear(): Promise<Figures> {
  if (!hasParts('pebble')) throw new Error('Pebble is missing; npm test installs it as root');
  const length = values.quick
    ? { names: 8, lifeSeconds: 30, renewals: 2, pauseSeconds: 3 }
    : { names: 50, lifeSeconds: 75, renewals: 12, pauseSeconds: 10 };
  const year = await liveWithPebble(length);
  const isGood = year.faults.length === 0 && year.renewalsOfEach >= length.renewals;
  return { name: 'pebble', isGood, ...length, ...year };
}

function figuresOf(year: Year): Record<string, unknown> {
  const { signed, bySecond, gaps, faults, covered, headroom, unanswered, looked } = year;
  return {
    names: covered,
    orders: signed.length,
    exempt: signed.filter(({ kind }) => kind === 'replacement').length,
    bySecond: bySecond.length,
    gaps: gaps.length,
    faults: faults.slice(0, 5),
    leastLeftOfLimits: headroom,
    shortestRestDays: year.shortestRestDays,
    unanswered,
    handshakesLookedUp: looked,
    seconds: Math.round(year.tookMs / 1000),
  };
}
