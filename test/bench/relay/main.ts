// `npm run bench:relay`: what memory the agent's one file takes while it carries 300 Mbit/s; a line for each number of films leaves.

import { parseArgs } from 'node:util';

import { relay, type Relayed } from './relay.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    megabits: { type: 'string', default: '300' },
    seconds: { type: 'string' },
  },
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** What a weak machine at home can spare. */
const mostBytes = 80 * 1024 * 1024;

const megabits = Number(values.megabits);
const seconds = Number(values.seconds ?? (values.quick ? 10 : 60));
// One film of 4K as it comes from the disk, a household, and a house full of guests.
// Each with an agent that has just started: one after another on the same, the last would be judged for what the first ones left.
const results: Relayed[] = [];
for (const films of [1, 4, 16]) results.push(...(await relay([{ megabits, films, seconds }])));
for (const result of results) {
  const memory = `${mebibytes(result.idleBytes)} before, ${mebibytes(result.meanBytes)} on average, ${mebibytes(result.peakBytes)} at most`;
  say(
    `${result.films} films, ${result.measuredMegabits} of ${megabits} Mbit/s for ${seconds} s: ${memory}; ${Math.round(result.cpuShare * 100)} % of a core`,
  );
}
const tooMuch = results.filter(({ peakBytes }) => peakBytes > mostBytes);
for (const { films } of tooMuch) say(`MORE THAN ${mebibytes(mostBytes)} with ${films} films`);
if (values.json) process.stdout.write(`${JSON.stringify({ mostBytes, results })}\n`);
process.exit(tooMuch.length === 0 ? 0 : 1);

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function say(line: string): void {
  process.stdout.write(`relay: ${line}\n`);
}
